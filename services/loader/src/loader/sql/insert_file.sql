-- A verdict on an object: no row comes back where one stands already.
insert into ops.load_file (
  target, bucket, key, version_id, etag, state, has_range,
  topic, topic_epoch, part, start_offset, end_offset,
  content_sha256, rows_in_file, rows_loaded, rows_rejected,
  batch_ids, event_time_min, event_time_max, reason, error,
  size_bytes, sequencer, format, schema_version, writer, loader_version,
  discovered_by, object_created_at, event_at, started_at, tidy
)
values (
  $1, $2, $3, $4, $5, $6, $7,
  $8, $9, $10, $11, $12,
  $13, $14, $15, $16,
  $17, $18, $19, $20, $21,
  $22, $23, $24, $25, $26, $27,
  $28, $29, $30, $31, $32
)
on conflict do nothing
returning file_id, bucket, key, version_id, etag
