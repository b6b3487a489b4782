-- Hours that differ from the fact.
with fact as (
  select
    sales_hour, currency, count(*) as events, sum(quantity) as units, sum(net_amount) as revenue
  from marts.fct_sales
  group by 1, 2
)
select
  concat_ws(
    ' ', to_char(sales_hour at time zone 'UTC', 'YYYY-MM-DD"T"HH24:MI"Z"'), currency
  ) as place,
  f.events as fact_events, f.units as fact_units, f.revenue as fact_revenue,
  m.event_count as events, m.units, m.revenue
from fact f
full join marts.mart_hourly_sales m using (sales_hour, currency)
where (f.events, f.units, f.revenue) is distinct from (m.event_count, m.units, m.revenue)
order by sales_hour
limit 20
