{{ config(analyze=['sales_hour', 'product_id', 'sales_date']) }}
-- what has to be computed anew: the hours and products of events that come, and of those that go (an
-- event can move to another hour)
with arriving as (

    select sales_hour, sales_date, product_id from {{ ref('run_sales') }} where is_winner

),

leaving as (

    select sales_hour, (sales_hour at time zone 'UTC')::date as sales_date, product_id
    from {{ ref('run_replaced') }}

)

select sales_hour, sales_date, product_id from arriving
union
select sales_hour, sales_date, product_id from leaving
