-- How many of the offsets asked for are loaded, or were withdrawn by an operator, a partition; and
-- how many files there are whose rows the marts do not show as they are now.
with asked as (
  select * from unnest($3::int[], $4::bigint[]) as a(part, until)
),
own as (
  select f.*, t.kind, t.state as transform_state, a.until
  from ops.load_file f
  join asked a on a.part = f.part
  left join ops.transform_file t on t.file_id = f.file_id
  where f.has_range
    and f.topic = $1
    and f.topic_epoch = $2
    and f.start_offset < a.until
    and f.state in ('loaded', 'superseded')
)
select
  part,
  coalesce(sum(least(end_offset, until) - start_offset)
    filter (where state = 'loaded' or not reopened), 0)::bigint as covered,
  count(*) filter (where case state
    when 'loaded' then transform_state is null or transform_state = 'claimed'
    else kind is not null and (kind, transform_state) <> ('superseded', 'done')
  end) as untransformed
from own
group by part
