-- Where loading and transforming stand, in one row. $1 bucket, $2 topic.
with own as (
  select f.*, t.state as transform_state, t.at as transformed_at
  from ops.load_file f
  left join ops.transform_file t on t.file_id = f.file_id and t.kind = 'loaded'
  where f.bucket = $1 and not f.reopened and (not f.has_range or f.topic = $2)
),
newest_life as (
  select topic_epoch from ops.load_stream where topic = $2 order by stream_id desc limit 1
),
loaded as (
  select * from own where state = 'loaded'
),
chain as (
  select * from loaded where has_range and topic_epoch = (select topic_epoch from newest_life)
),
heads as (
  select part, max(end_offset) as head from chain group by part
),
last_file as (
  select * from loaded order by file_id desc limit 1
),
last_run as (
  select * from ops.transform_run where state = 'published' order by run_id desc limit 1
),
last_batch as (
  select * from ops.batch_manifest where producer = 'generator' order by window_end desc limit 1
)
select
  clock_timestamp() as now,
  coalesce((select json_object_agg(part, head) from heads), '{}')::text as heads,
  (select coalesce(sum(end_offset - start_offset), 0) from chain)::bigint as covered,
  (select coalesce(sum(rows_loaded), 0) from chain)::bigint as loaded,
  (select coalesce(sum(rows_rejected), 0) from chain)::bigint as rejected,
  (select count(*) from loaded where not has_range) as dropped_files,
  (select coalesce(sum(rows_loaded), 0) from loaded where not has_range)::bigint as dropped_rows,
  (select count(*) from own where state = 'quarantined') as quarantined,
  (select count(*) from loaded where transform_state = 'held') as held,
  (select count(*) from loaded where transform_state is null or transform_state = 'claimed')
    as untransformed,
  (select min(committed_at) from loaded where transform_state is null or transform_state = 'claimed')
    as untransformed_since,
  (select max(event_time_max) from loaded where transform_state = 'done') as newest_visible,
  (select coalesce(sum(rows_loaded), 0) from loaded
    where committed_at > clock_timestamp() - interval '1 minute')::bigint as rows_last_minute,
  (select format('file %s · %s rows · %s s', file_id, rows_loaded,
    round(extract(epoch from committed_at - started_at), 1)) from last_file) as last_file,
  (select count(*) from ops.transform_run
    where published_at > clock_timestamp() - interval '1 minute') as runs_last_minute,
  (select format('run %s · %s files · %s s', run_id, files,
    round(extract(epoch from published_at - started_at), 1)) from last_run) as last_run,
  coalesce((
    select json_object_agg(reason, n) from (
      select reason, count(*) as n from ops.load_reject where state = 'open' group by reason
    ) r
  ), '{}')::text as rejects,
  (select batch_id from last_batch) as last_batch,
  (select window_end from last_batch) as last_batch_end,
  (select extract(epoch from window_end - window_start) from last_batch)::float8
    as last_batch_seconds
