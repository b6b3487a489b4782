-- Days, products and regions that differ from the fact.
with fact as (
  select
    sales_date, product_id, region, currency,
    count(*) as events, sum(quantity) as units, sum(net_amount) as revenue
  from marts.fct_sales
  group by 1, 2, 3, 4
)
select
  concat_ws(' ', sales_date, product_id, region, currency) as place,
  f.events as fact_events, f.units as fact_units, f.revenue as fact_revenue,
  m.event_count as events, m.units, m.revenue
from fact f
full join marts.mart_product_performance m using (sales_date, product_id, region, currency)
where (f.events, f.units, f.revenue) is distinct from (m.event_count, m.units, m.revenue)
order by sales_date
limit 20
