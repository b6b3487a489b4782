-- Verdicts that stand for any content this key has had, the newest first.
select file_id, state, bucket, key, etag, version_id
from ops.load_file
where target = $1
  and bucket = $2
  and key = $3
  and not reopened
order by file_id desc
