-- Control totals of the batches, as their producers sent them.
-- depends: 0003_load_ledger

set local role pipeline_owner;

create table ops.batch_manifest (
  batch_id        text primary key,
  producer        text        not null,
  window_start    timestamptz not null,
  window_end      timestamptz not null,
  event_count     bigint      not null,
  message_count   bigint      not null,
  quantity_sum    numeric     not null,
  net_amount_sum  jsonb       not null,
  injected        jsonb       not null,
  published_at    timestamptz not null,
  received_at     timestamptz not null default clock_timestamp()
);
