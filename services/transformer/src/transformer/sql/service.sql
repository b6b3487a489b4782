-- name: migrated
-- asked of the catalogue, which needs no right
select exists (
  select from pg_class c join pg_namespace n on n.oid = c.relnamespace
  where n.nspname = 'ops' and c.relname = 'transform_run'
) and pg_catalog.has_schema_privilege('ops', 'usage')

-- name: backlog
select
  count(*) filter (where t.file_id is null) as files,
  coalesce(sum(l.rows_loaded) filter (where t.file_id is null), 0)::bigint as rows,
  coalesce(extract(epoch from clock_timestamp() - min(l.committed_at) filter (where t.file_id is null)), 0)::float8
    as oldest_seconds,
  count(*) filter (where t.state = 'held') as held
from ops.load_file l
left join ops.transform_file t using (file_id)
where l.state = 'loaded'

-- name: withdrawn
select count(*) from ops.load_file l join ops.transform_file t using (file_id)
where l.state = 'superseded' and t.kind = 'loaded' and t.state in ('done', 'held')

-- name: unannounced
select run_id, invocation_id, files, rows_new, batch_ids, hours, data_as_of, published_at
from ops.transform_run
where state = 'published' and announced_at is null
order by run_id

-- name: announced
update ops.transform_run set announced_at = clock_timestamp() where run_id = $1

-- name: freshness
select
  extract(epoch from clock_timestamp() - (select max(committed_at) from ops.load_file where state = 'loaded'))::float8
    as raw_seconds,
  extract(epoch from clock_timestamp() - (select max(data_as_of) from ops.transform_run where state = 'published'))::float8
    as marts_seconds,
  (select max(sales_hour) from staging.int_hours) as newest_hour,
  (select max(published_at) from ops.transform_run where state = 'published') as published_at

-- name: reconciliation
-- batches whose events have all been loaded but are not all counted; events that are promised and have
-- not come, of batches old enough to be whole, for a day; and hours the marts disagree on
select
  coalesce(sum(abs(events_diff)) filter (where raw_events >= manifest_events), 0)::bigint as manifest,
  coalesce(sum(manifest_events - raw_events) filter (
    where raw_events < manifest_events and pending_files = 0
      and published_at between clock_timestamp() - interval '1 day'
        and clock_timestamp() - interval '10 minutes'
  ), 0)::bigint as missing,
  coalesce(sum(marts_diff), 0)::bigint as marts
from marts.mart_pipeline_reconciliation

-- name: stages
-- $1 topic: its newest life, as `salespipe status` counts it
select
  coalesce(sum(l.rows_loaded), 0)::bigint as loaded,
  coalesce(sum(l.rows_rejected), 0)::bigint as rejected,
  (select coalesce(sum(event_count), 0) from staging.int_hours)::bigint as fact
from ops.load_file l
where l.state = 'loaded' and l.topic = $1 and l.has_range and l.topic_epoch = (
  select topic_epoch from ops.load_stream where topic = $1 order by stream_id desc limit 1
)

-- name: runs
select run_id, state, attempt, invocation_id, started_at, published_at, announced_at, files,
  rows_new, rows_replaced, cardinality(hours) as hours, batch_ids, data_as_of, error
from ops.transform_run
where ($1::bigint is null or run_id = $1)
order by run_id desc
limit $2

-- name: run_nodes
select node, status, seconds, rows_affected, failures, message
from ops.node_result where run_id = $1 order by at, node

-- name: files
select l.file_id, l.bucket, l.key, l.rows_loaded, l.committed_at, coalesce(t.state, 'pending') as state,
  t.run_id, t.reason
from ops.load_file l
left join ops.transform_file t using (file_id)
where l.state = 'loaded' and coalesce(t.state, 'pending') = any($1::text[])
order by l.file_id
limit $2

-- name: release
delete from ops.transform_file where file_id = $1 and state = 'held' returning file_id

-- name: release_run
delete from ops.transform_file where run_id = $1 and state = 'held' returning file_id

-- name: abandon
-- whoever builds it finds it gone when it publishes
with run as (
  update ops.transform_run set state = 'abandoned' where run_id = $1 and state = 'running'
  returning run_id
),
withdrawn as (
  update ops.transform_file t set kind = 'loaded', state = 'done'
  from run where t.run_id = run.run_id and t.state = 'claimed' and t.kind = 'superseded'
),
pending as (
  delete from ops.transform_file t using run
  where t.run_id = run.run_id and t.state = 'claimed' and t.kind = 'loaded'
)
select run_id from run

-- name: newly_held
select t.file_id, t.reason, t.at, l.bucket, l.key, l.etag
from ops.transform_file t join ops.load_file l using (file_id)
where t.state = 'held' and t.told_at is null

-- name: held_told
update ops.transform_file set told_at = clock_timestamp() where file_id = $1 and state = 'held'
