{{
    config(
        indexes=[{'columns': ['sales_date', 'product_id']}],
        meta={'publish': {'by': 'run_cells', 'key': ['sales_hour', 'product_id']}}
    )
}}

with arriving as (

    select
        sales_hour, sales_date, product_id, region, currency,
        quantity, net_amount, discount_amount, is_return
    from {{ ref('run_sales') }}
    where is_winner

),

{% if is_incremental() %}
staying as (

    select
        fct.sales_hour, fct.sales_date, fct.product_id, fct.region, fct.currency,
        fct.quantity, fct.net_amount, fct.discount_amount, fct.is_return
    from {{ ref('run_cells') }} cells
    join {{ ref('fct_sales') }} fct
        on fct.sales_hour = cells.sales_hour
        and fct.product_id = cells.product_id
    where not exists (
        select 1 from {{ ref('run_replaced') }} replaced where replaced.event_id = fct.event_id
    )

),
{% endif %}

sales as (

    select * from arriving
    {% if is_incremental() %}
    union all
    select * from staying
    {% endif %}

),

final as (

    select
        sales_hour,
        sales_date,
        product_id,
        region,
        currency,
        count(*) as event_count,
        sum(quantity) as units,
        sum(net_amount) as revenue,
        sum(discount_amount) as discount,
        count(*) filter (where is_return) as return_count
    from sales
    group by sales_hour, sales_date, product_id, region, currency

)

select * from final
