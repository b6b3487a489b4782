-- Claim offsets [$3, $4) of a stream for a file; nothing where a loaded file has some of them.
insert into ops.load_range (file_id, span)
values (
  $1,
  int8range(($2::bigint << 48) + $3::bigint, ($2::bigint << 48) + $4::bigint)
)
on conflict do nothing
returning file_id
