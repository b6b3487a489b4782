-- Whether an operator has released this object although its content is loaded.
select exists (
  select
  from ops.load_file
  where target = $1
    and bucket = $2
    and key = $3
    and version_id = $4
    and etag = $5
    and state = 'skipped_duplicate'
    and reopened
)
