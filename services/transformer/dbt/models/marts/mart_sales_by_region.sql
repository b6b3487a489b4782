{{
    config(
        fillfactor=60,
        meta={'publish': {'by': 'run_hours', 'key': ['sales_hour'], 'in_place': true}}
    )
}}
-- depends_on: {{ ref('run_hours') }}, {{ ref('run_cells_before') }}
{%- set run = run_context() %}

-- what is published, less the cells that are computed anew, plus what they are now
with cells_now as (

    select
        sales_hour, region, currency, event_count, units, revenue, discount, return_count,
        1 as product_count
    from {{ slice(ref('int_product_hours')) }}

),

{% if run %}
cells_before as (

    select
        sales_hour,
        region,
        currency,
        -event_count as event_count,
        -units as units,
        -revenue as revenue,
        -discount as discount,
        -return_count as return_count,
        -1 as product_count
    from {{ ref('run_cells_before') }}

),

present as (

    select
        regions.sales_hour, regions.region, regions.currency, regions.event_count, regions.units,
        regions.revenue, regions.discount, regions.return_count, regions.product_count
    from {{ ref('run_hours') }} changed
    join {{ this }} regions
        on regions.sales_hour = changed.sales_hour

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
        sales_hour,
        region,
        currency,
        {{ sums(['event_count', 'units', 'revenue', 'discount', 'return_count', 'product_count']) }}
    from changes
    group by sales_hour, region, currency
    having sum(event_count) > 0

)

select * from final
