-- Columns of raw.sales_events as the catalogue has them.
select
  a.attname as name,
  format_type(a.atttypid, a.atttypmod) as type,
  a.attnotnull and not a.atthasdef as must_be_given
from pg_attribute a
where a.attrelid = to_regclass('raw.sales_events')
  and a.attnum > 0
  and not a.attisdropped
