-- Batches as raw holds them, one copy an event (the newest), and where these events are now.
with copies as (
  select distinct on (batch_id, event_id)
    btrim(r.batch_id) as batch_id, r.event_id, r.file_id, upper(btrim(r.currency)) as currency,
    r.quantity,
    coalesce(r.net_amount, r.quantity * r.unit_price - coalesce(r.discount_amount, 0)) as net_amount
  from raw.sales_events r
  where r.batch_id = any($1)
  order by batch_id, event_id, r.file_id desc, r.line_no desc
)
select
  c.batch_id, c.currency,
  count(*) as events, sum(c.quantity) as units, sum(c.net_amount) as revenue,
  count(f.event_id) as in_fact,
  count(*) filter (where f.event_id is null and t.state is distinct from 'done') as set_aside
from copies c
left join marts.fct_sales f on f.event_id = c.event_id
left join ops.transform_file t on t.file_id = c.file_id
group by 1, 2
