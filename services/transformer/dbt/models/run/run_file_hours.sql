{{ config(analyze=['file_id', 'sales_hour']) }}
-- by how much the run changes each file's, batch's, hour's and currency's share of the fact
with changes as (

    select file_id, batch_id, sales_hour, currency, event_count, units, revenue
    from {{ ref('run_copies') }}
    where is_winner
    union all
    select file_id, coalesce(batch_id, ''), sales_hour, currency, -1, -quantity, -net_amount
    from {{ ref('run_replaced') }}

)

select
    file_id,
    batch_id,
    sales_hour,
    currency,
    {{ sums(['event_count', 'units', 'revenue']) }}
from changes
group by file_id, batch_id, sales_hour, currency
