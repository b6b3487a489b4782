-- Totals of each mart by currency.
select 'mart_sales_by_region' as mart, currency, sum(event_count) as events,
  sum(units) as units, sum(revenue) as revenue
from marts.mart_sales_by_region group by 2
union all
select 'mart_hourly_sales', currency, sum(event_count), sum(units), sum(revenue)
from marts.mart_hourly_sales group by 2
union all
select 'mart_product_performance', currency, sum(event_count), sum(units), sum(revenue)
from marts.mart_product_performance group by 2
