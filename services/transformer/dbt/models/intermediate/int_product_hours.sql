{{
    config(
        indexes=[{'columns': ['sales_date', 'product_id']}],
        meta={'publish': {'by': 'run_cells', 'key': ['sales_hour', 'product_id']}}
    )
}}
-- depends_on: {{ ref('run_replaced') }}, {{ ref('fct_sales') }}, {{ ref('run_cells') }}
{%- set run = run_context() %}

-- what is published, less the events that go, plus those that come: a busy hour's events are not read
-- again for every file. Exact, because numeric is; once, because the slice and the events are
-- published by one COMMIT; and audited against int_hours, which is counted anew from the files
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
        fct.sales_hour,
        fct.sales_date,
        fct.product_id,
        fct.region,
        fct.currency,
        -1 as event_count,
        -fct.quantity as units,
        -fct.net_amount as revenue,
        -fct.discount_amount as discount,
        -fct.is_return::int as return_count
    from {{ ref('run_replaced') }} replaced
    join {{ ref('fct_sales') }} fct
        on fct.event_id = replaced.event_id

),

present as (

    select
        hours.sales_hour, hours.sales_date, hours.product_id, hours.region, hours.currency,
        hours.event_count, hours.units, hours.revenue, hours.discount, hours.return_count
    from {{ ref('run_cells') }} cells
    join {{ this }} hours
        on hours.sales_hour = cells.sales_hour
        and hours.product_id = cells.product_id

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
