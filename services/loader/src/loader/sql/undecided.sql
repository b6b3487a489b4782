-- Of the listed objects (keys and etags side by side), those on which no verdict stands.
select listed.key
from unnest($3::text[], $4::text[]) as listed (key, etag)
where not exists (
  select
  from ops.load_file f
  where f.target = $1
    and f.bucket = $2
    and f.key = listed.key
    and f.etag = listed.etag
    and f.state <> 'missing'
    and not f.reopened
)
