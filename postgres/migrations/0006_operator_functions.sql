-- What only an operator may do to loaded files, each act with who and why. The rows leave raw here;
-- the loader announces the new state, so that the marts follow.
-- depends: 0005_load_views

set local role pipeline_owner;

create table ops.operator_act (
  act_id   bigint generated always as identity primary key,
  at       timestamptz not null default clock_timestamp(),
  who      text        not null,
  verb     text        not null,
  file_id  bigint      not null,
  reason   text        not null
);

create function ops.remove_file(of_file bigint, why text, again boolean, verb text) returns bigint
language plpgsql
set search_path = pg_catalog, pg_temp
as $$
declare
  found text;
  removed bigint;
begin
  select f.state into found from ops.load_file f where f.file_id = of_file for update;
  if found is distinct from 'loaded' then
    raise exception 'file % is %, not loaded', of_file, coalesce(found, 'unknown')
      using errcode = 'P0002';
  end if;
  update ops.load_file set state = 'superseded', reopened = again, reason = why
    where load_file.file_id = of_file;
  update ops.load_range set active = false where load_range.file_id = of_file;
  delete from raw.sales_events where sales_events.file_id = of_file;
  get diagnostics removed = row_count;
  insert into ops.operator_act (who, verb, file_id, reason)
    values (session_user, verb, of_file, why);
  return removed;
end
$$;

comment on function ops.remove_file(bigint, text, boolean, text) is 'Internal: both verbs below';

create function ops.withdraw_file(of_file bigint, why text) returns bigint
language sql security definer
set search_path = pg_catalog, pg_temp
as $$
  select ops.remove_file(of_file, why, false, 'withdraw')
$$;

comment on function ops.withdraw_file(bigint, text) is
  'Take a file''s rows out and keep it out; returns the rows removed';

create function ops.supersede_file(of_file bigint, why text) returns bigint
language sql security definer
set search_path = pg_catalog, pg_temp
as $$
  select ops.remove_file(of_file, why, true, 'supersede')
$$;

comment on function ops.supersede_file(bigint, text) is
  'Take a file''s rows out and let the loader load the object anew; returns the rows removed';

create function ops.release_file(of_file bigint, why text) returns void
language plpgsql security definer
set search_path = pg_catalog, pg_temp
as $$
declare
  found text;
begin
  select f.state into found from ops.load_file f where f.file_id = of_file for update;
  if found is null or found = 'loaded' then
    raise exception 'file % is %: nothing to release', of_file, coalesce(found, 'unknown')
      using errcode = 'P0002';
  end if;
  update ops.load_file set reopened = true where load_file.file_id = of_file;
  insert into ops.operator_act (who, verb, file_id, reason)
    values (session_user, 'release', of_file, why);
end
$$;

comment on function ops.release_file(bigint, text) is
  'Let the loader try a quarantined, withdrawn or skipped file again';
