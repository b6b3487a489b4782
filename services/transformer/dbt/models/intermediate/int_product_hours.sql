{{
    config(
        fillfactor=80,
        meta={'publish': {'by': 'run_cells', 'key': ['sales_hour', 'product_id', 'region', 'currency'], 'in_place': true}}
    )
}}

-- what is published, changed by what the run changes: a busy hour's events are not read again for every
-- file. Once, because the slice and the events are published by one COMMIT; and audited against
-- int_hours, which adds the same events up by file
with final as (

    select
        cells.sales_hour,
        cells.sales_date,
        cells.product_id,
        cells.region,
        cells.currency,
        (coalesce(published.event_count, 0) + cells.event_count)::bigint as event_count,
        coalesce(published.units, 0) + cells.units as units,
        coalesce(published.revenue, 0) + cells.revenue as revenue,
        coalesce(published.discount, 0) + cells.discount as discount,
        (coalesce(published.return_count, 0) + cells.return_count)::bigint as return_count
    from {{ ref('run_cells') }} cells
    left join {{ ref('run_cells_before') }} published
        using (sales_hour, product_id, region, currency)

)

select * from final where event_count > 0
