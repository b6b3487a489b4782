-- Hours and regions that differ from the fact.
with fact as (
  select
    sales_hour, region, currency,
    count(*) as events, sum(quantity) as units, sum(net_amount) as revenue
  from marts.fct_sales
  group by 1, 2, 3
)
select
  concat_ws(
    ' ', to_char(sales_hour at time zone 'UTC', 'YYYY-MM-DD"T"HH24:MI"Z"'), region, currency
  ) as place,
  f.events as fact_events, f.units as fact_units, f.revenue as fact_revenue,
  m.event_count as events, m.units, m.revenue
from fact f
full join marts.mart_sales_by_region m using (sales_hour, region, currency)
where (f.events, f.units, f.revenue) is distinct from (m.event_count, m.units, m.revenue)
order by sales_hour
limit 20
