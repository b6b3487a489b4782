-- A loaded file with one of these hashes, whatever its name.
select file_id, state, key, etag, version_id
from ops.load_file
where target = $1
  and content_sha256 = any ($2::bytea[])
  and state = 'loaded'
order by file_id
limit 1
