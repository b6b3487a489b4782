-- The ledger of loaded files. The loader only inserts; the operator's functions (0006) change.
-- depends: 0002_raw_sales_events

set local role pipeline_owner;

create table ops.load_stream (
  stream_id    smallint generated always as identity primary key,
  target       text not null,
  topic        text not null,
  topic_epoch  text not null,
  part         int  not null,
  unique (target, topic, topic_epoch, part)
);

comment on table ops.load_stream is 'A partition of one life of a topic; its offsets share a number line';

create table ops.load_file (
  file_id            bigint generated always as identity primary key,
  target             text        not null,
  bucket             text        not null,
  key                text        not null,
  version_id         text        not null default '',
  etag               text        not null,
  state              text        not null
    check (state in ('loaded', 'superseded', 'quarantined', 'skipped_duplicate', 'missing')),
  reopened           boolean     not null default false,
  has_range          boolean     not null,
  topic              text,
  topic_epoch        text,
  part               int,
  start_offset       bigint,
  end_offset         bigint,
  content_sha256     bytea,
  rows_in_file       bigint      not null default 0,
  rows_loaded        bigint      not null default 0,
  rows_rejected      bigint      not null default 0,
  batch_ids          text[]      not null default '{}',
  event_time_min     timestamptz,
  event_time_max     timestamptz,
  reason             text,
  error              jsonb,
  superseded_by      bigint,
  size_bytes         bigint,
  sequencer          text,
  format             text,
  schema_version     text,
  writer             text,
  loader_version     text,
  discovered_by      text        not null
    check (discovered_by in ('event', 'reconcile', 'backfill', 'manual')),
  object_created_at  timestamptz,
  event_at           timestamptz,
  started_at         timestamptz,
  committed_at       timestamptz not null default clock_timestamp(),
  xid                xid8        not null default pg_current_xact_id(),
  check (state <> 'loaded' or rows_in_file = rows_loaded + rows_rejected),
  check (has_range = (start_offset is not null and end_offset is not null))
);

comment on table ops.load_file is 'What became of each object: one open verdict an object';

comment on column ops.load_file.reopened is 'an operator asked for another try: this verdict no longer stands';

-- one standing verdict an object: what makes a file load once, and a withdrawn one stay away
create unique index load_file_object on ops.load_file (target, bucket, key, version_id, etag)
  where state <> 'missing' and not reopened;

-- an object that was gone may come back
create unique index load_file_missing on ops.load_file (target, bucket, key, version_id, etag)
  where state = 'missing' and not reopened;

-- a file dropped by hand loads once, whatever its name
create unique index load_file_content on ops.load_file (target, content_sha256)
  where state = 'loaded' and not has_range;

create index load_file_any_content on ops.load_file (target, content_sha256)
  where state = 'loaded';

create index load_file_key on ops.load_file (target, bucket, key);

create table ops.load_range (
  file_id  bigint    not null references ops.load_file,
  active   boolean   not null default true,
  span     int8range not null
    check (not isempty(span) and not lower_inf(span) and not upper_inf(span)),
  exclude using gist (span with &&) where (active)
);

comment on table ops.load_range is 'Offsets that are loaded: [stream_id·2⁴⁸ + start, stream_id·2⁴⁸ + end)';

create index load_range_file on ops.load_range (file_id);

create table ops.load_reject (
  file_id      bigint      not null,
  line_no      int         not null,
  raw          text,
  raw_bytes    bytea,
  reason       text        not null,
  column_name  text,
  code         text,
  at           timestamptz not null default clock_timestamp(),
  state        text        not null default 'open' check (state in ('open', 'redriven', 'dropped')),
  primary key (file_id, line_no)
);

comment on table ops.load_reject is 'Lines that could not be loaded: as they were, and why';

create table ops.load_attempt (
  target   text        not null,
  bucket   text        not null,
  key      text        not null,
  etag     text        not null,
  at       timestamptz not null default clock_timestamp(),
  outcome  text
);

comment on table ops.load_attempt is 'outcome null: an attempt began; else how one ended without a verdict';

create index load_attempt_object on ops.load_attempt (target, bucket, key, etag);

create table ops.load_announced (
  file_id  bigint      not null,
  kind     text        not null,
  at       timestamptz not null default clock_timestamp(),
  primary key (file_id, kind)
);

comment on table ops.load_announced is 'Verdicts that Kafka has acknowledged; the rest is the outbox';
