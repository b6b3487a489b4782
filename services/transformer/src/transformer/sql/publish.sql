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

-- name: summarize
-- the tail of a growing table that its block-range index does not know yet; who holds the lock (a
-- vacuum) does the same
do $$ begin
  set local lock_timeout = '200ms';
  perform brin_summarize_new_values(i.indexrelid::regclass)
  from pg_index i join pg_class c on c.oid = i.indexrelid join pg_am a on a.oid = c.relam
  where i.indrelid = 'marts.fct_sales'::regclass and a.amname = 'brin';
exception
  when lock_not_available then null;
end $$

-- name: fact_rows
select reltuples::bigint from pg_class where oid = 'marts.fct_sales'::regclass
