-- The fact by batch and currency; its sums are the fact's totals.
select
  coalesce(batch_id, '') as batch_id, currency,
  count(*) as events, sum(quantity) as units, sum(net_amount) as revenue
from marts.fct_sales
group by 1, 2
