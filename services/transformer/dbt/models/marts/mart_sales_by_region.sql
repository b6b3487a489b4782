{{
    config(meta={'publish': {'by': 'run_hours', 'key': ['sales_hour']}})
}}

with changed as (

    select sales_hour, product_id, region, currency, event_count, units, revenue, discount, return_count
    from {{ slice(ref('int_product_hours')) }}

),

{% if is_incremental() %}
staying as (

    select
        hours.sales_hour, hours.product_id, hours.region, hours.currency,
        hours.event_count, hours.units, hours.revenue, hours.discount, hours.return_count
    from {{ ref('run_hours') }} affected
    join {{ ref('int_product_hours') }} hours
        on hours.sales_hour = affected.sales_hour
    where not exists (
        select 1 from {{ ref('run_cells') }} cells
        where cells.sales_hour = hours.sales_hour
        and cells.product_id = hours.product_id
    )

),
{% endif %}

products as (

    select * from changed
    {% if is_incremental() %}
    union all
    select * from staying
    {% endif %}

),

final as (

    select
        sales_hour,
        region,
        currency,
        sum(event_count)::bigint as event_count,
        sum(units) as units,
        sum(revenue) as revenue,
        sum(discount) as discount,
        sum(return_count)::bigint as return_count,
        count(*) as product_count
    from products
    group by sales_hour, region, currency

)

select * from final
