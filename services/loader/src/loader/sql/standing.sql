-- The verdict on this very object (key, version, content), if one stands.
select file_id, state, key, etag, version_id
from ops.load_file
where target = $1
  and bucket = $2
  and key = $3
  and version_id = $4
  and etag = $5
  and state <> 'missing'
  and not reopened
