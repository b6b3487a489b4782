{{
    config(
        fillfactor=60,
        meta={'publish': {'by': 'slice', 'key': ['product_id'], 'whole_on_withdrawal': true, 'in_place': true}}
    )
}}
-- depends_on: {{ ref('stg_sales__events') }}, {{ source('ops', 'transform_file') }}
{%- set run = run_context() %}
{%- set withdrawing = run and run.superseded %}

-- over every copy ever loaded, beaten ones included, so that the order of runs cannot matter; when a
-- file is withdrawn the whole dimension is made anew
with events as (

    {% if withdrawing %}
    select * from {{ ref('stg_sales__events') }}
    where file_id in (
        select file_id from {{ source('ops', 'transform_file') }}
        where kind = 'loaded' and state <> 'held'
    )
    {% else %}
    select * from {{ ref('run_sales') }}
    {% endif %}

),

arriving as (

    select
        product_id,
        product_name,
        category,
        min(occurred_at) as first_sold_at,
        max(occurred_at) as last_sold_at
    from events
    group by product_id, product_name, category

),

{% if run and not withdrawing %}
known as (

    select dim.*
    from {{ this }} dim
    where dim.product_id in (select product_id from arriving)

),
{% endif %}

described as (

    select * from arriving
    {% if run and not withdrawing %}
    union all
    select * from known
    {% endif %}

),

latest as (

    select
        product_id,
        min(first_sold_at) as first_sold_at,
        max(last_sold_at) as last_sold_at
    from described
    group by product_id

),

-- the description that was used last; of two used at the same time always the same one
final as (

    select distinct on (product_id)
        product_id,
        described.product_name,
        described.category,
        latest.first_sold_at,
        last_sold_at
    from latest
    join described using (product_id, last_sold_at)
    order by product_id, described.product_name, described.category

)

select * from final
