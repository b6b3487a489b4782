-- Note that work on an object begins; returns how many attempts before it ended in silence.
with begun as (
  insert into ops.load_attempt (target, bucket, key, etag) values ($1, $2, $3, $4)
)
select
  count(*) filter (where outcome is null) - count(*) filter (where outcome is not null)
from ops.load_attempt
where target = $1
  and bucket = $2
  and key = $3
  and etag = $4
