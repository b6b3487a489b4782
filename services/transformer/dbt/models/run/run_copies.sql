-- what the run brings of each file, batch, hour and currency, those that count and the repeats apart: the
-- events are looked at once
select
    file_id,
    coalesce(batch_id, '') as batch_id,
    sales_hour,
    currency,
    is_winner,
    count(*) as event_count,
    sum(quantity) as units,
    sum(net_amount) as revenue
from {{ ref('run_sales') }}
group by file_id, coalesce(batch_id, ''), sales_hour, currency, is_winner
