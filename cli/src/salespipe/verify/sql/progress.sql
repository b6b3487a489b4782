-- How much of each partition is covered by loaded ranges below the offsets asked for, and what is
-- loaded but not yet in the marts.
select
  s.part,
  sum(least(upper(r.span) - (s.stream_id::bigint << 48), a.until)
    - (lower(r.span) - (s.stream_id::bigint << 48)))::bigint as covered,
  count(*) filter (where t.state is null or t.state = 'claimed') as untransformed
from ops.load_range r
join ops.load_stream s on s.stream_id = lower(r.span) >> 48
join unnest($3::int[], $4::bigint[]) as a(part, until) on a.part = s.part
left join ops.transform_file t on t.file_id = r.file_id and t.kind = 'loaded'
where r.active
  and s.topic = $1
  and s.topic_epoch = $2
  and lower(r.span) - (s.stream_id::bigint << 48) < a.until
group by s.part
