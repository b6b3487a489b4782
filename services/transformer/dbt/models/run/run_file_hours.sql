{{ config(analyze=['file_id', 'sales_hour']) }}
-- files, batches, hours and currencies whose share of the fact is computed anew: where an event comes
-- or goes
select file_id, coalesce(batch_id, '') as batch_id, sales_hour, currency
from {{ ref('run_sales') }}
where is_winner
union
select file_id, coalesce(batch_id, ''), sales_hour, currency
from {{ ref('run_replaced') }}
