-- Schemas of the warehouse that the loader fills. They belong to pipeline_owner, who cannot log in;
-- every later file begins with `set local role pipeline_owner`.
-- depends:

create schema raw authorization pipeline_owner;

create schema ops authorization pipeline_owner;

revoke all on schema public from public;

do $$
begin
  execute format('revoke all on database %I from public', current_database());
  execute format(
    'grant connect on database %I to loader, transformer, bi_reader, operator, exporter',
    current_database()
  );
  -- dbt builds increments through temporary tables
  execute format('grant temporary on database %I to transformer', current_database());
end
$$;
