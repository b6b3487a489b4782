-- depends: 0023_content_hash

set local role pipeline_owner;

-- nothing of ours asks raw by time (the fact is there for that), and each row loaded pays for it
drop index raw.sales_events_occurred_at;
