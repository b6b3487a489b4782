-- A look for one file reads every block range that raw's indexes do not know yet. Autovacuum
-- tells them up to a minute later; at thousands of rows a second that is most of what is read.
-- depends: 0020_transform

set local role pipeline_owner;

create function ops.summarize_raw() returns void
language plpgsql
security definer
set search_path = pg_catalog, pg_temp
set lock_timeout = '200ms'
as $$
begin
  perform brin_summarize_new_values('raw.sales_events_file_id'::regclass);
exception
  -- whoever holds the lock (a vacuum) does the same
  when lock_not_available then null;
end
$$;

comment on function ops.summarize_raw is 'Tells the index on file_id of raw''s newest rows; for the transformer, before it reads them';

revoke all on function ops.summarize_raw() from public;

grant execute on function ops.summarize_raw() to transformer;
