-- name: wait_for_the_rest
-- the transaction is idle while dbt works on; it ends with the process, the run's time or a take-over
set local idle_in_transaction_session_timeout = 0

-- name: by_index
-- rows are found by their keys: the planner thinks more of them than there are, and would read all
set local enable_seqscan = off

-- name: mark_run
-- no row: another worker took the run over, and nothing of it is published here
update ops.transform_run r
set state = 'published',
    invocation_id = %(invocation_id)s,
    published_at = clock_timestamp(),
    files = (select count(*) from ops.transform_file where run_id = r.run_id and state = 'claimed'),
    rows_new = %(rows_new)s,
    rows_replaced = %(rows_replaced)s,
    hours = coalesce((select array_agg(sales_hour order by sales_hour) from staging.run_hours), '{}'),
    batch_ids = coalesce((
      select array_agg(distinct batch_id order by batch_id)
      from ops.transform_file t join ops.load_file l using (file_id), unnest(l.batch_ids) batch_id
      where t.run_id = r.run_id and t.state = 'claimed'
    ), '{}'),
    data_as_of = (
      select max(l.committed_at) from ops.transform_file t join ops.load_file l using (file_id)
      where t.run_id = r.run_id and t.state = 'claimed'
    ),
    error = null
where r.run_id = %(run_id)s and r.state = 'running' and r.worker = %(worker)s
returning extract(epoch from published_at - started_at)::float8, files, (
  select extract(epoch from published_at - min(l.committed_at))::float8
  from ops.transform_file t join ops.load_file l using (file_id)
  where t.run_id = r.run_id and t.state = 'claimed' and t.kind = 'loaded'
)

-- name: mark_files
update ops.transform_file set state = 'done', reason = null, at = clock_timestamp()
where run_id = %(run_id)s and state = 'claimed'

-- name: node_result
insert into ops.node_result
  (run_id, invocation_id, node, status, seconds, rows_affected, failures, message)
values %s
on conflict do nothing
