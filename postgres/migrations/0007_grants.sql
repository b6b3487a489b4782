-- Who may do what. The loader inserts and reads, never changes or removes.
-- depends: 0006_operator_functions

set local role pipeline_owner;

grant usage on schema raw, ops to loader, transformer, operator;

grant usage on schema ops to bi_reader, exporter;

grant insert on raw.sales_events to loader;

grant select, insert on
  ops.load_stream, ops.load_file, ops.load_range, ops.load_reject, ops.load_attempt,
  ops.load_announced, ops.batch_manifest
to loader;

grant select on ops.v_load_history, ops.v_load_gaps, ops.v_freshness
to loader, transformer, bi_reader, exporter;

grant select on raw.sales_events to transformer;

grant select on
  ops.load_stream, ops.load_file, ops.load_range, ops.load_reject, ops.batch_manifest
to transformer;

grant select on all tables in schema raw, ops to operator;

alter default privileges in schema raw, ops grant select on tables to operator;

revoke all on function ops.remove_file(bigint, text, boolean, text) from public;

revoke all on function ops.withdraw_file(bigint, text) from public;

revoke all on function ops.supersede_file(bigint, text) from public;

revoke all on function ops.release_file(bigint, text) from public;

grant execute on function
  ops.withdraw_file(bigint, text), ops.supersede_file(bigint, text), ops.release_file(bigint, text)
to operator;
