-- Note that work on an object begins; returns how many attempts before it, since the last verdict,
-- ended in silence. Without waiting for the disk: a server that dies forgets a death, no more.
with relaxed as (
  select set_config('synchronous_commit', 'off', true)
),
begun as (
  insert into ops.load_attempt (target, bucket, key, etag) values ($1, $2, $3, $4)
),
verdict as (
  select max(committed_at) as at
  from ops.load_file
  where target = $1
    and bucket = $2
    and key = $3
    and etag = $4
)
select
  count(*) filter (where a.outcome is null) - count(*) filter (where a.outcome is not null)
from ops.load_attempt a
cross join verdict v
cross join relaxed
where a.target = $1
  and a.bucket = $2
  and a.key = $3
  and a.etag = $4
  and (v.at is null or a.at > v.at)
