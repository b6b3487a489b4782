{{ config(analyze=['file_id', 'sales_hour']) }}
-- what the run brings to raw (copies) of each file, batch, hour and currency, and by how much it changes
-- their share of the fact (events): added up in one look at the events
with copies as (

    select
        file_id,
        batch_id,
        sales_hour,
        currency,
        is_winner,
        count(*) as event_count,
        sum(quantity) as units,
        sum(net_amount) as revenue
    from {{ ref('run_sales') }}
    group by file_id, batch_id, sales_hour, currency, is_winner

),

changes as (

    select
        file_id,
        batch_id,
        sales_hour,
        currency,
        event_count as copy_count,
        units as copy_units,
        revenue as copy_revenue,
        case when is_winner then event_count else 0 end as event_count,
        case when is_winner then units else 0 end as units,
        case when is_winner then revenue else 0 end as revenue
    from copies
    union all
    select file_id, batch_id, sales_hour, currency, 0, 0, 0, -1, -quantity, -net_amount
    from {{ ref('run_replaced') }}

)

select
    file_id,
    coalesce(batch_id, '') as batch_id,
    sales_hour,
    currency,
    {{ sums(['copy_count', 'copy_units', 'copy_revenue', 'event_count', 'units', 'revenue']) }}
from changes
group by file_id, coalesce(batch_id, ''), sales_hour, currency
