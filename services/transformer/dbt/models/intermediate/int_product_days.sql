{{
    config(meta={'publish': {'by': 'run_cells', 'key': ['sales_date', 'product_id']}})
}}

with changed as (

    select * from {{ slice(ref('int_product_hours')) }}

),

{% if is_incremental() %}
days as (

    select distinct sales_date, product_id from {{ ref('run_cells') }}

),

staying as (

    select hours.*
    from days
    join {{ ref('int_product_hours') }} hours
        on hours.sales_date = days.sales_date
        and hours.product_id = days.product_id
    where not exists (
        select 1 from {{ ref('run_cells') }} cells
        where cells.sales_hour = hours.sales_hour
        and cells.product_id = hours.product_id
    )

),
{% endif %}

hours as (

    select sales_date, product_id, region, currency, event_count, units, revenue, discount, return_count
    from changed
    {% if is_incremental() %}
    union all
    select sales_date, product_id, region, currency, event_count, units, revenue, discount, return_count
    from staying
    {% endif %}

),

final as (

    select
        sales_date,
        product_id,
        region,
        currency,
        sum(event_count)::bigint as event_count,
        sum(units) as units,
        sum(revenue) as revenue,
        sum(discount) as discount,
        sum(return_count)::bigint as return_count
    from hours
    group by sales_date, product_id, region, currency

)

select * from final
