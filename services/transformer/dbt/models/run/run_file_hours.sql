{{ config(analyze=['file_id', 'sales_hour']) }}
-- by how much the run changes each file's, batch's, hour's and currency's share of the fact: events that
-- come less those that go
with changes as (

    select
        file_id,
        coalesce(batch_id, '') as batch_id,
        sales_hour,
        currency,
        1 as event_count,
        quantity as units,
        net_amount as revenue
    from {{ ref('run_sales') }}
    where is_winner
    union all
    select
        file_id,
        coalesce(batch_id, '') as batch_id,
        sales_hour,
        currency,
        -1 as event_count,
        -quantity as units,
        -net_amount as revenue
    from {{ ref('run_replaced') }}

)

select
    file_id,
    batch_id,
    sales_hour,
    currency,
    sum(event_count) as event_count,
    sum(units) as units,
    sum(revenue) as revenue
from changes
group by file_id, batch_id, sales_hour, currency
