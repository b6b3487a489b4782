-- The outbox's recent part: verdicts near the newest announced one. The rest is swept for now and
-- then: a transaction may have been open for long, an operator may have changed an old file.
select
  file_id, state, bucket, key, etag, rows_loaded, rows_rejected, batch_ids,
  event_time_min, event_time_max, reason, error, committed_at
from ops.load_file f
where target = $1
  and state in ('loaded', 'superseded', 'quarantined', 'missing')
  and not exists (
    select
    from ops.load_announced a
    where a.file_id = f.file_id
      and a.kind = f.state
  )
  and file_id > (select coalesce(max(file_id), 0) - 1000 from ops.load_announced)
order by file_id
limit $2
