-- The control total of a batch, once.
insert into ops.batch_manifest (
  batch_id, producer, window_start, window_end, event_count, message_count,
  quantity_sum, net_amount_sum, injected, published_at
)
values ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10)
on conflict do nothing
