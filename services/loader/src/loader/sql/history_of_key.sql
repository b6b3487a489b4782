-- Every verdict on a key, newest first.
select *
from ops.v_load_history
where target = $1
  and bucket = $2
  and key = $3
order by file_id desc
