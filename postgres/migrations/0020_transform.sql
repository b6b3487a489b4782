-- The transformer's ledger (which files are in the marts, by which run) and its schemas.
-- depends: 0007_grants

create schema staging authorization transformer;

create schema marts authorization transformer;

set local role pipeline_owner;

create table ops.transform_run (
  run_id         bigint generated always as identity primary key,
  state          text        not null
    check (state in ('running', 'published', 'failed', 'abandoned')),
  worker         text        not null,
  attempt        int         not null default 1,
  invocation_id  text,
  started_at     timestamptz not null default clock_timestamp(),
  published_at   timestamptz,
  announced_at   timestamptz,
  files          int         not null default 0,
  rows_new       bigint      not null default 0,
  rows_replaced  bigint      not null default 0,
  hours          timestamptz[] not null default '{}',
  batch_ids      text[]      not null default '{}',
  data_as_of     timestamptz,
  error          jsonb
);

comment on table ops.transform_run is 'One increment of the marts: a frozen set of files, built, tested, published';

comment on column ops.transform_run.worker is 'the process that may write this run; a process that lost the run finds another name here';

create unique index transform_run_running on ops.transform_run (state) where state = 'running';

create index transform_run_unannounced on ops.transform_run (run_id)
  where state = 'published' and announced_at is null;

create table ops.transform_file (
  file_id   bigint not null primary key references ops.load_file,
  run_id    bigint not null references ops.transform_run,
  kind      text   not null check (kind in ('loaded', 'superseded')),
  state     text   not null check (state in ('claimed', 'done', 'held')),
  attempts  int    not null default 1,
  reason    text,
  at        timestamptz not null default clock_timestamp(),
  told_at   timestamptz
);

comment on column ops.transform_file.told_at is 'held: when its dead letter was acknowledged';

comment on table ops.transform_file is 'Which run took a file: claimed, done (in the marts, or withdrawn from them), held (a test refused it)';

create index transform_file_open on ops.transform_file (state) where state <> 'done';

create index transform_file_run on ops.transform_file (run_id);

create table ops.node_result (
  run_id         bigint      not null,
  invocation_id  text        not null,
  node           text        not null,
  status         text        not null,
  seconds        double precision not null,
  rows_affected  bigint,
  failures       bigint,
  message        text,
  at             timestamptz not null default clock_timestamp(),
  primary key (invocation_id, node)
);

comment on table ops.node_result is 'Each dbt node of each run: how it ended and how long it took';

create index node_result_run on ops.node_result (run_id);

grant select, insert, update, delete on ops.transform_run, ops.transform_file, ops.node_result
to transformer;

grant usage on schema raw, ops to transformer;

grant select on ops.transform_run, ops.transform_file, ops.node_result
to operator, bi_reader, exporter;

set local role none;

grant usage on schema marts, staging to operator;

grant usage on schema marts to bi_reader, exporter;

alter default privileges for role transformer in schema marts
  grant select on tables to bi_reader, operator, exporter;

alter default privileges for role transformer in schema staging grant select on tables to operator;

-- a statement whose client was killed ends soon; a wait for a lock ends, too
alter role transformer set client_connection_check_interval = '1s';

alter role transformer set lock_timeout = '20s';

alter role transformer set idle_in_transaction_session_timeout = '120s';

-- increments sort and hash up to two million rows
alter role transformer set work_mem = '128MB';

alter role transformer set random_page_cost = 1.1;

alter role transformer set jit = off;

alter role transformer set timezone = 'UTC';
