{{ config(analyze=['sales_hour', 'product_id', 'sales_date']) }}
-- by how much the run changes each hour, product, region and currency: events that come less those that
-- go (an event can move to another hour). The events are added up once, here; what builds on them adds
-- this to what is published. Exact, because numeric is
with changes as (

    select
        sales_hour,
        sales_date,
        product_id,
        region,
        currency,
        1 as event_count,
        quantity as units,
        net_amount as revenue,
        discount_amount as discount,
        is_return::int as return_count
    from {{ ref('run_sales') }}
    where is_winner
    union all
    select
        sales_hour,
        sales_date,
        product_id,
        region,
        currency,
        -1 as event_count,
        -quantity as units,
        -net_amount as revenue,
        -discount_amount as discount,
        -is_return::int as return_count
    from {{ ref('run_replaced') }}

)

select
    sales_hour,
    sales_date,
    product_id,
    region,
    currency,
    sum(event_count) as event_count,
    sum(units) as units,
    sum(revenue) as revenue,
    sum(discount) as discount,
    sum(return_count) as return_count
from changes
group by sales_hour, sales_date, product_id, region, currency
