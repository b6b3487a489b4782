-- The loaded files that hold offsets of [$2, $3) of a stream.
select f.file_id, f.key, f.start_offset, f.end_offset, f.content_sha256
from ops.load_range r
join ops.load_file f using (file_id)
where r.active
  and r.span && int8range(($1::bigint << 48) + $2::bigint, ($1::bigint << 48) + $3::bigint)
order by f.start_offset
