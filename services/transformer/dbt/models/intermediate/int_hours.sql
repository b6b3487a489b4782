{{
    config(
        fillfactor=60,
        meta={'publish': {'by': 'run_hours', 'key': ['sales_hour'], 'in_place': true}}
    )
}}

with changed as (

    select sales_hour, currency, event_count, units, revenue
    from {{ slice(ref('int_file_hours')) }}

),

{% if is_incremental() %}
staying as (

    select files.sales_hour, files.currency, files.event_count, files.units, files.revenue
    from {{ ref('run_hours') }} affected
    join {{ ref('int_file_hours') }} files
        on files.sales_hour = affected.sales_hour
    where not exists (
        select 1 from {{ ref('run_file_hours') }} counted
        where counted.file_id = files.file_id
        and counted.batch_id = files.batch_id
        and counted.sales_hour = files.sales_hour
        and counted.currency = files.currency
    )

),
{% endif %}

files as (

    select * from changed
    {% if is_incremental() %}
    union all
    select * from staying
    {% endif %}

),

final as (

    select
        sales_hour,
        currency,
        {{ sums(['event_count', 'units', 'revenue']) }}
    from files
    group by sales_hour, currency

)

select * from final
