-- What people and dashboards ask of the ledger.
-- depends: 0004_batch_manifest

set local role pipeline_owner;

create view ops.v_load_history as
select
  f.file_id,
  f.target,
  f.bucket,
  f.key,
  f.etag,
  f.state,
  f.reopened,
  f.reason,
  f.error,
  f.topic,
  f.topic_epoch,
  f.part,
  f.start_offset,
  f.end_offset,
  f.rows_in_file,
  f.rows_loaded,
  f.rows_rejected,
  f.batch_ids,
  f.event_time_min,
  f.event_time_max,
  f.format,
  f.size_bytes,
  f.discovered_by,
  f.object_created_at,
  f.started_at,
  f.committed_at,
  extract(epoch from f.committed_at - f.object_created_at) as object_to_commit_seconds,
  a.at as announced_at
from ops.load_file f
left join ops.load_announced a
  on a.file_id = f.file_id
  and a.kind = f.state;

-- offsets between the first and the last loaded one that no file covers, and what explains them
create view ops.v_load_gaps as
with spans as (
  select
    s.stream_id,
    s.target,
    s.topic,
    s.topic_epoch,
    s.part,
    r.file_id,
    lower(r.span) - (s.stream_id::bigint << 48) as start_offset,
    upper(r.span) - (s.stream_id::bigint << 48) as end_offset
  from ops.load_range r
  join ops.load_stream s
    on lower(r.span) >> 48 = s.stream_id
  where r.active
),
steps as (
  select
    *,
    lag(end_offset) over (partition by stream_id order by start_offset) as gap_start,
    lag(file_id) over (partition by stream_id order by start_offset) as file_before
  from spans
)
select
  g.target,
  g.topic,
  g.topic_epoch,
  g.part,
  g.gap_start,
  g.start_offset as gap_end,
  g.file_before,
  g.file_id as file_after,
  (
    select array_agg(f.file_id order by f.file_id)
    from ops.load_file f
    where f.target = g.target
      and f.topic = g.topic
      and f.topic_epoch = g.topic_epoch
      and f.part = g.part
      and f.state in ('quarantined', 'superseded')
      and f.start_offset < g.start_offset
      and f.end_offset > g.gap_start
  ) as explained_by
from steps g
where g.start_offset > g.gap_start;

create view ops.v_freshness as
select
  target,
  count(*) filter (where state = 'loaded') as files_loaded,
  count(*) filter (where state = 'quarantined' and not reopened) as files_quarantined,
  max(committed_at) filter (where state = 'loaded') as last_loaded_at,
  max(event_time_max) filter (where state = 'loaded') as newest_event_at,
  extract(epoch from clock_timestamp() - max(committed_at) filter (where state = 'loaded'))
    as seconds_since_load,
  extract(epoch from clock_timestamp() - max(event_time_max) filter (where state = 'loaded'))
    as newest_event_age_seconds
from ops.load_file
group by target;
