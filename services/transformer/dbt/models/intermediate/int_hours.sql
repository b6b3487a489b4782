{{
    config(meta={'publish': {'by': 'run_hours', 'key': ['sales_hour']}})
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
        select 1 from {{ ref('run_files') }} counted where counted.file_id = files.file_id
    )

),

counted as (

    -- a file that loses a row is counted whole, hours that nothing else touches included
    select changed.* from changed
    where sales_hour in (select sales_hour from {{ ref('run_hours') }})

),
{% endif %}

files as (

    {% if is_incremental() %}
    select * from counted
    union all
    select * from staying
    {% else %}
    select * from changed
    {% endif %}

),

final as (

    select
        sales_hour,
        currency,
        sum(event_count)::bigint as event_count,
        sum(units) as units,
        sum(revenue) as revenue
    from files
    group by sales_hour, currency

)

select * from final
