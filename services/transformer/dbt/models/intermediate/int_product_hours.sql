{{
    config(
        fillfactor=80,
        meta={'publish': {'by': 'run_cells', 'key': ['sales_hour', 'product_id', 'region', 'currency'], 'in_place': true}}
    )
}}
-- depends_on: {{ ref('run_replaced') }}, {{ ref('run_cells') }}, {{ ref('run_cells_before') }}
{%- set run = run_context() %}

-- what is published, less the events that go, plus those that come: a busy hour's events are not read
-- again for every file. Exact, because numeric is; once, because the slice and the events are
-- published by one COMMIT; and audited against int_hours, which adds the same events up by file
with arriving as (

    select
        sales_hour,
        sales_date,
        product_id,
        region,
        currency,
        1 as event_count,
        quantity as units,
        net_amount as revenue,
        discount_amount as discount,
        is_return::int as return_count
    from {{ ref('run_sales') }}
    where is_winner

),

{% if run %}
leaving as (

    select
        sales_hour,
        sales_date,
        product_id,
        region,
        currency,
        -1 as event_count,
        -quantity as units,
        -net_amount as revenue,
        -discount_amount as discount,
        -is_return::int as return_count
    from {{ ref('run_replaced') }}

),

present as (

    select
        sales_hour, sales_date, product_id, region, currency,
        event_count, units, revenue, discount, return_count
    from {{ ref('run_cells_before') }}

),
{% endif %}

changes as (

    select * from arriving
    {% if run %}
    union all
    select * from leaving
    union all
    select * from present
    {% endif %}

),

final as (

    select
        sales_hour,
        sales_date,
        product_id,
        region,
        currency,
        sum(event_count)::bigint as event_count,
        sum(units) as units,
        sum(revenue) as revenue,
        sum(discount) as discount,
        sum(return_count)::bigint as return_count
    from changes
    group by sales_hour, sales_date, product_id, region, currency
    having sum(event_count) > 0

)

select * from final
