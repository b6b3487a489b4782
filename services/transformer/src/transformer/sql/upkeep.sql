-- name: analyze
-- what runs are joined with
analyze marts.fct_sales, staging.int_product_hours, staging.int_file_hours

-- name: fact_rows
select reltuples::bigint from pg_class where oid = 'marts.fct_sales'::regclass

-- name: summarize_raw
select ops.summarize_raw()

-- name: new_pages_only
-- else each vacuum also reads three of a hundred pages of the whole table, whether they can be frozen
set vacuum_max_eager_freeze_failure_rate = 0

-- name: vacuum
-- not where somebody else has the lock (autovacuum); empty pages at the end would need a stronger one
vacuum (
  skip_locked, truncate false, process_toast false, skip_database_stats, buffer_usage_limit 0
)
raw.sales_events, marts.fct_sales
