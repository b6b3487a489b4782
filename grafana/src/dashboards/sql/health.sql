-- What the pipeline's own dashboards ask the ledger and the marts.

-- name: batches
select 'all batches' as batch
union all (
  select batch_id from marts.mart_pipeline_reconciliation
  where batch_id <> ''
  order by published_at desc nulls last
  limit 200
)

-- name: reconciliation
-- newest first; a difference of the newest batches is what is in flight
select
  batch_id as "Batch",
  producer as "Producer",
  published_at as "Published",
  manifest_events as "Promised",
  raw_events as "In raw",
  repeated_events as "Repeats",
  fact_events as "In the fact",
  events_diff as "Events off",
  units_diff as "Units off",
  revenue_diff as "Revenue off",
  marts_diff as "Marts off"
from marts.mart_pipeline_reconciliation
where batch_id <> ''
order by published_at desc nulls last, batch_id desc
limit 50

-- name: files
select
  file_id as "File",
  committed_at as "Decided",
  state as "State",
  reason as "Reason",
  rows_loaded as "Rows",
  rows_rejected as "Rejected",
  object_to_commit_seconds as "Object to commit",
  discovered_by as "Found by",
  key as "Key"
from ops.v_load_history
where ${batch:sqlstring} = 'all batches' or ${batch:sqlstring} = any(batch_ids)
order by file_id desc
limit 100

-- name: file_states
select
  state as "State",
  count(*) as "Files",
  sum(rows_loaded) as "Rows",
  sum(rows_rejected) as "Rejected",
  max(committed_at) as "Newest"
from ops.v_load_history
where not reopened
group by state
order by "Files" desc

-- name: rejects
select
  at as "When",
  reason as "Reason",
  column_name as "Field",
  file_id as "File",
  line_no as "Line",
  part as "Partition",
  record_offset as "Offset",
  raw as "Text"
from ops.v_rejects
where state = 'open'
order by at desc
limit 50

-- name: gaps
select
  topic as "Topic",
  part as "Partition",
  gap_start as "From offset",
  gap_end as "To offset",
  file_before as "File before",
  file_after as "File after",
  coalesce(array_to_string(explained_by, ', '), 'nothing') as "Explained by"
from ops.v_load_gaps
order by topic, part, gap_start
limit 50

-- name: last_runs
select
  run_id as "Run",
  state as "State",
  started_at as "Started",
  extract(epoch from published_at - started_at) as "Took",
  files as "Files",
  rows_new as "Rows",
  cardinality(hours) as "Hours",
  left(error ->> 'message', 500) as "Error"
from ops.transform_run
order by run_id desc
limit 30

-- name: nodes
-- models and tests of the newest run that has any
select
  node as "Node",
  status as "Status",
  seconds as "Took",
  rows_affected as "Rows",
  failures as "Failures",
  left(message, 300) as "Message"
from ops.node_result
where run_id = (select max(run_id) from ops.node_result)
order by (status in ('success', 'pass')), seconds desc

-- name: held
select
  f.file_id as "File",
  f.at as "Since",
  f.attempts as "Attempts",
  h.key as "Key",
  left(f.reason, 500) as "Reason"
from ops.transform_file f
join ops.v_load_history h using (file_id)
where f.state = 'held'
order by f.at desc
limit 50
