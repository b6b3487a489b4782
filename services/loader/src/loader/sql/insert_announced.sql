-- Kafka has these verdicts (ids and kinds side by side).
insert into ops.load_announced (file_id, kind)
select file_id, kind
from unnest($1::bigint[], $2::text[]) as sent (file_id, kind)
on conflict do nothing
