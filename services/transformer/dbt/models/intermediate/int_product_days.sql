{{
    config(
        fillfactor=60,
        meta={'publish': {'by': 'run_cells', 'key': ['sales_date', 'product_id', 'region', 'currency'], 'in_place': true}},
        pre_hook='set local enable_seqscan = off'
    )
}}

-- what is published, changed by what the run changes
with changed as (

    select
        sales_date,
        product_id,
        region,
        currency,
        {{ sums(['event_count', 'units', 'revenue', 'discount', 'return_count']) }}
    from {{ ref('run_cells') }}
    group by sales_date, product_id, region, currency

),

{% if run_context() %}
final as (

    select
        changed.sales_date,
        changed.product_id,
        changed.region,
        changed.currency,
        coalesce(published.event_count, 0) + changed.event_count as event_count,
        coalesce(published.units, 0) + changed.units as units,
        coalesce(published.revenue, 0) + changed.revenue as revenue,
        coalesce(published.discount, 0) + changed.discount as discount,
        coalesce(published.return_count, 0) + changed.return_count as return_count
    from changed
    -- limit 1: an index look-up each whatever the statistics say
    left join lateral (
        select *
        from {{ this }} days
        where days.sales_date = changed.sales_date
        and days.product_id = changed.product_id
        and days.region = changed.region
        and days.currency = changed.currency
        limit 1
    ) published on true

)
{% else %}
final as (

    select * from changed

)
{% endif %}

select * from final where event_count > 0
