-- The fact holds each event_id of the transformed files once, and of its copies the one in the
-- newest file, there the last line. A row per kind of disagreement and file, the worst first; the
-- row without a kind carries the number of events that must be there.
with expected as materialized (
  select r.event_id, max(r.file_id << 31 | r.line_no) as copy
  from raw.sales_events r
  join ops.transform_file t on t.file_id = r.file_id and t.state = 'done' and t.kind = 'loaded'
  group by r.event_id
),
compared as (
  select
    coalesce(e.event_id, f.event_id) as event_id,
    e.copy,
    f.file_id << 31 | f.line_no as found,
    case
      when f.event_id is null then 'missing'
      when e.event_id is null then 'phantom'
      else 'other copy'
    end as kind
  from expected e
  full join marts.fct_sales f on f.event_id = e.event_id
  where e.copy is distinct from (f.file_id << 31 | f.line_no)
)
select
  kind,
  coalesce(copy, found) >> 31 as file_id,
  count(*) as events,
  min(event_id::text) as example
from compared
group by 1, 2
union all
select null, null, count(*), null from expected
order by 3 desc
