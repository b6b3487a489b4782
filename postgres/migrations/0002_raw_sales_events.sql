-- Events as loaded: one row a line of a file, repeats of an event_id included. No unique index:
-- the ledger makes a file land once, the transformer makes an event count once.
-- depends: 0001_schemas

set local role pipeline_owner;

create table raw.sales_events (
  file_id          bigint        not null,
  line_no          int           not null,
  schema_version   smallint      not null,
  event_id         uuid          not null,
  event_type       text,
  batch_id         text,
  transaction_id   text,
  line_number      int,
  occurred_at      timestamptz   not null,
  store_id         text          not null,
  region           text          not null,
  channel          text,
  customer_id      text,
  product_id       text          not null,
  product_name     text,
  category         text,
  quantity         numeric(18,3) not null,
  unit_price       numeric(18,4),
  discount_amount  numeric(18,4),
  net_amount       numeric(18,4),
  currency         text          not null,
  payment_method   text,
  extra            jsonb
);

comment on table raw.sales_events is 'One row a line of a loaded file, exactly once; event_id may repeat';

comment on column raw.sales_events.net_amount is 'as given; null where the event gives none';

comment on column raw.sales_events.extra is 'fields that the contract does not know';

create index sales_events_file_id on raw.sales_events using brin (file_id)
  with (autosummarize = on);

create index sales_events_occurred_at on raw.sales_events using brin (occurred_at)
  with (autosummarize = on);
