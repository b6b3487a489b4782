{{ config(analyze=['sales_hour', 'product_id', 'sales_date']) }}
-- by how much the run changes each hour, product, region and currency (an event can move to another
-- hour). The events are added up once, here; what builds on them adds this to what is published.
-- Exact, because numeric is
with coming as (

    select
        sales_hour,
        product_id,
        region,
        currency,
        count(*) as event_count,
        sum(quantity) as units,
        sum(net_amount) as revenue,
        sum(discount_amount) as discount,
        count(*) filter (where is_return) as return_count
    from {{ ref('run_sales') }}
    where is_winner
    group by sales_hour, product_id, region, currency

),

changes as (

    select * from coming
    union all
    select
        sales_hour, product_id, region, currency,
        -1, -quantity, -net_amount, -discount_amount, -is_return::int
    from {{ ref('run_replaced') }}

)

select
    sales_hour,
    (sales_hour at time zone 'UTC')::date as sales_date,
    product_id,
    region,
    currency,
    {{ sums(['event_count', 'units', 'revenue', 'discount', 'return_count']) }}
from changes
group by sales_hour, product_id, region, currency
