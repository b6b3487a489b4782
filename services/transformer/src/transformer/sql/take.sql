-- name: lock
select pg_try_advisory_lock(%(key)s)

-- name: end_frozen
-- a holder that is stopped, or cut off from here, keeps its lock; where no session of it has done
-- anything for so long, its sessions end, and with them the lock
with holder as (
  select a.application_name
  from pg_locks l
  join pg_stat_activity a using (pid)
  where l.locktype = 'advisory'
    and l.granted
    and l.database = (select oid from pg_database where datname = current_database())
    and (l.classid::bigint << 32) + l.objid::bigint = %(key)s
    and l.objsubid = 1
    and a.application_name like 'transformer-%%'
),
sessions as (
  select s.pid, s.state, s.state_change
  from pg_stat_activity s join holder using (application_name)
  where s.usename = current_user
)
select pg_terminate_backend(pid) from sessions
where not exists (
  select from sessions
  where state = 'active' or state_change > clock_timestamp() - %(seconds)s * interval '1 second'
)

-- name: newest_taken
select coalesce(max(file_id), 0) from ops.transform_file

-- name: pending
-- whether there is anything to claim: most looks find nothing, and then nothing is written
select exists (
  select from ops.load_file
  where state = 'loaded' and file_id > %(after)s
    and not exists (select 1 from ops.transform_file t where t.file_id = load_file.file_id)
) or exists (
  select from ops.load_file l join ops.transform_file t using (file_id)
  where l.state = 'superseded' and t.kind = 'loaded' and t.state in ('done', 'held')
)

-- name: running
-- the run that is open, if any; its lock is free or ours, so it is ours to go on with
select run_id, worker, attempt from ops.transform_run where state = 'running' for update

-- name: take_over
update ops.transform_run set worker = %(worker)s where run_id = %(run_id)s

-- name: try_again
update ops.transform_run set attempt = attempt + 1 where run_id = %(run_id)s

-- name: end_backends
-- statements of a process that is gone may run on for a while: they end now
select pg_terminate_backend(pid) from pg_stat_activity
where application_name = %(application)s and usename = current_user and pid <> pg_backend_pid()

-- name: open
insert into ops.transform_run (state, worker) values ('running', %(worker)s) returning run_id

-- name: claim_loaded
-- a difference of sets, never a mark on a time or an id: what commits late is in the next claim. Files
-- of the same time go together, though that makes it half as many rows again: of a run whose events are
-- older than the newest published each must be looked up
insert into ops.transform_file (file_id, run_id, kind, state)
select file_id, %(run_id)s, 'loaded', 'claimed'
from (
  select
    file_id,
    event_time_min,
    row_number() over by_id as place,
    sum(rows_loaded) over by_id - rows_loaded as rows_before,
    max(event_time_max) over (by_id rows between unbounded preceding and 1 preceding) as reached
  from ops.load_file
  where state = 'loaded' and file_id > %(after)s
    and not exists (select 1 from ops.transform_file t where t.file_id = load_file.file_id)
  window by_id as (order by file_id)
) pending
where place <= %(max_files)s
  and (
    rows_before < %(max_rows)s
    or (rows_before < 1.5 * %(max_rows)s and event_time_min < reached)
  )
on conflict do nothing

-- name: claim_superseded
-- files that an operator withdrew after they entered the marts (or were held)
update ops.transform_file t
set run_id = %(run_id)s, kind = 'superseded', state = 'claimed', attempts = 1, at = clock_timestamp()
from ops.load_file l
where l.file_id = t.file_id
  and l.state = 'superseded'
  and t.kind = 'loaded'
  and t.state in ('done', 'held')

-- name: files
select t.file_id, t.kind, l.rows_loaded, l.bucket, l.key, l.tidy
from ops.transform_file t join ops.load_file l using (file_id)
where t.run_id = %(run_id)s and t.state = 'claimed'
order by t.file_id

-- name: put_back_loaded
delete from ops.transform_file
where run_id = %(run_id)s and state = 'claimed' and kind = 'loaded' and file_id <> all(%(keep)s)

-- name: put_back_superseded
update ops.transform_file set kind = 'loaded', state = 'done'
where run_id = %(run_id)s and state = 'claimed' and kind = 'superseded' and file_id <> all(%(keep)s)

-- name: begin_anew
-- another set of files: its tries are counted from one
update ops.transform_run set attempt = 0 where run_id = %(run_id)s

-- name: hold
insert into ops.transform_file (file_id, run_id, kind, state, reason)
select file_id, %(run_id)s, 'loaded', 'held', %(reason)s from unnest(%(files)s) file_id
on conflict (file_id) do update
set state = 'held', reason = excluded.reason, attempts = transform_file.attempts + 1,
  at = clock_timestamp(), told_at = null

-- name: held_lately
select count(*) from ops.transform_file
where state = 'held' and at > clock_timestamp() - interval '1 hour'

-- name: note_error
update ops.transform_run set error = %(error)s where run_id = %(run_id)s

-- name: close
update ops.transform_run set state = %(state)s where run_id = %(run_id)s and state = 'running'
