{{ config(analyze=['sales_hour', 'product_id', 'sales_date']) }}
-- what has to be computed anew: the hours, products, regions and currencies of events that come, and
-- of those that go (an event can move to another hour)
select sales_hour, sales_date, product_id, region, currency
from {{ ref('run_sales') }}
where is_winner
union
select sales_hour, sales_date, product_id, region, currency
from {{ ref('run_replaced') }}
