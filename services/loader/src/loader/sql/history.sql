-- The latest verdicts, newest first.
select *
from ops.v_load_history
where target = $1
order by file_id desc
limit $2
