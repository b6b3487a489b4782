{{
    config(
        fillfactor=60,
        meta={'publish': {'by': 'run_cells', 'key': ['sales_date', 'product_id', 'region', 'currency'], 'in_place': true}},
        pre_hook='set local enable_seqscan = off'
    )
}}
-- depends_on: {{ ref('run_cells') }}, {{ ref('run_cells_before') }}
{%- set run = run_context() %}

-- what is published, less the cells that are computed anew, plus what they are now
with cells_now as (

    select sales_date, product_id, region, currency, event_count, units, revenue, discount, return_count
    from {{ slice(ref('int_product_hours')) }}

),

{% if run %}
cells_before as (

    select
        sales_date,
        product_id,
        region,
        currency,
        -event_count as event_count,
        -units as units,
        -revenue as revenue,
        -discount as discount,
        -return_count as return_count
    from {{ ref('run_cells_before') }}

),

present as (

    select
        days.sales_date, days.product_id, days.region, days.currency,
        days.event_count, days.units, days.revenue, days.discount, days.return_count
    from (
        select distinct sales_date, product_id, region, currency from {{ ref('run_cells') }}
    ) changed
    cross join lateral (
        select *
        from {{ this }} days
        where days.sales_date = changed.sales_date
        and days.product_id = changed.product_id
        and days.region = changed.region
        and days.currency = changed.currency
        limit 1
    ) days

),
{% endif %}

changes as (

    select * from cells_now
    {% if run %}
    union all
    select * from cells_before
    union all
    select * from present
    {% endif %}

),

final as (

    select
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
    group by sales_date, product_id, region, currency
    having sum(event_count) > 0

)

select * from final
