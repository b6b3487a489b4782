{{
    config(
        indexes=[{'columns': ['sales_hour']}, {'columns': ['batch_id']}],
        meta={'publish': {'by': 'run_file_hours', 'key': ['file_id', 'batch_id', 'sales_hour', 'currency'], 'in_place': true}},
        pre_hook='set local enable_seqscan = off'
    )
}}

-- what is published, changed by what the run changes, as in int_product_hours: a file of which one event
-- is sent again is not read again
with changed as (

    select * from {{ ref('run_file_hours') }}

),

{% if run_context() %}
final as (

    select
        changed.file_id,
        changed.batch_id,
        changed.sales_hour,
        changed.currency,
        (coalesce(published.event_count, 0) + changed.event_count)::bigint as event_count,
        coalesce(published.units, 0) + changed.units as units,
        coalesce(published.revenue, 0) + changed.revenue as revenue
    from changed
    -- limit 1: an index look-up each whatever the statistics say
    left join lateral (
        select *
        from {{ this }} files
        where files.file_id = changed.file_id
        and files.batch_id = changed.batch_id
        and files.sales_hour = changed.sales_hour
        and files.currency = changed.currency
        limit 1
    ) published on true

)
{% else %}
final as (

    select
        file_id, batch_id, sales_hour, currency, event_count::bigint as event_count, units, revenue
    from changed

)
{% endif %}

select * from final where event_count > 0
