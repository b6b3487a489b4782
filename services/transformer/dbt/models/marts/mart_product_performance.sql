{{ config(materialized='view') }}

-- a view: one sale changes the share and maybe the rank of every product of its day and region
with products as (

    select * from {{ ref('int_product_days') }}

),

final as (

    select
        sales_date,
        product_id,
        region,
        currency,
        event_count,
        units,
        revenue,
        discount,
        return_count,
        revenue / nullif(sum(revenue) over same_market, 0) as revenue_share,
        rank() over (same_market order by revenue desc) as revenue_rank
    from products
    window same_market as (partition by sales_date, region, currency)

)

select * from final
