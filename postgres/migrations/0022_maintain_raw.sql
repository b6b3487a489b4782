-- At thousands of rows a second raw is vacuumed after every run or so, by the transformer, which knows
-- when: what autovacuum leaves for a minute takes it as long, and keeps everybody from raw's index.
-- MAINTAIN reads and changes no row.
-- depends: 0021_raw_summaries

set local role pipeline_owner;

grant maintain on raw.sales_events to transformer;
