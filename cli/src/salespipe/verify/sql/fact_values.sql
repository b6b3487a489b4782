-- A row of the fact says what its line of raw says.
select f.file_id, count(*) as events, min(f.event_id::text) as example
from marts.fct_sales f
join raw.sales_events r on r.file_id = f.file_id and r.line_no = f.line_no
where r.event_id <> f.event_id
  or r.occurred_at <> f.occurred_at
  or r.quantity <> f.quantity
  or coalesce(r.net_amount, r.quantity * r.unit_price - coalesce(r.discount_amount, 0))
    is distinct from f.net_amount
  or upper(btrim(r.currency)) <> f.currency
  or r.occurred_at < f.sales_hour
  or r.occurred_at >= f.sales_hour + interval '1 hour'
group by f.file_id
order by 2 desc
limit 20
