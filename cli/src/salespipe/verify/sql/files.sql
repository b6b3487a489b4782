-- Every verdict of the ledger on this bucket, its active range in offsets, what the transformer did.
select
  f.file_id, f.key, f.etag, f.state, f.has_range, f.part,
  f.start_offset as start, f.end_offset as "end",
  lower(r.span) - (s.stream_id::bigint << 48) as range_start,
  upper(r.span) - (s.stream_id::bigint << 48) as range_end,
  f.rows_loaded, f.rows_rejected, coalesce(f.reason, '') as reason, f.batch_ids,
  f.state = 'loaded' and t.state = 'held' as held,
  coalesce(t.reason, '') as held_reason,
  case f.state
    when 'loaded' then t.state is null or t.state = 'claimed'
    when 'superseded' then t.file_id is not null and (t.kind, t.state) <> ('superseded', 'done')
    else false
  end as pending
from ops.load_file f
left join ops.load_range r on r.file_id = f.file_id and r.active
left join ops.load_stream s on s.stream_id = lower(r.span) >> 48
left join ops.transform_file t on t.file_id = f.file_id
where f.bucket = $1
  and (not f.reopened or f.state = 'superseded')
  and (not f.has_range or (f.topic = $2 and f.topic_epoch = $3))
order by f.file_id
