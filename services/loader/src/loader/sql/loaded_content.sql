-- A loaded file with the same content, whatever its name.
select file_id, state, key, etag, version_id
from ops.load_file
where target = $1
  and content_sha256 = $2
  and state = 'loaded'
order by file_id
limit 1
