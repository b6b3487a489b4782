-- Control totals as the warehouse received them.
select
  batch_id, producer, window_start, window_end, event_count, message_count, quantity_sum,
  net_amount_sum::text as net_amount_sum, published_at
from ops.batch_manifest
