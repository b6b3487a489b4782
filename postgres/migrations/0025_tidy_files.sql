-- What the loader knows of a file's texts when it has looked at each byte anyway: then staging need not
-- look at each text again. It is a hint for speed; `verify` holds the fact against raw either way.
-- depends: 0024_raw_index_by_time

set local role pipeline_owner;

alter table ops.load_file add column tidy boolean not null default false;

comment on column ops.load_file.tidy is
'every text is as staging spells it: without blanks around, none empty, names with letters of both cases, channels and payments in small letters, currencies in large ones';
