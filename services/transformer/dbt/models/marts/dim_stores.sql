{{
    config(
        fillfactor=60,
        meta={'publish': {'by': 'slice', 'key': ['store_id'], 'whole_on_withdrawal': true, 'in_place': true}}
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
        store_id,
        region,
        min(occurred_at) as first_sold_at,
        max(occurred_at) as last_sold_at
    from events
    group by store_id, region

),

{% if run and not withdrawing %}
known as (

    select dim.*
    from {{ this }} dim
    where dim.store_id in (select store_id from arriving)

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
        store_id,
        min(first_sold_at) as first_sold_at,
        max(last_sold_at) as last_sold_at
    from described
    group by store_id

),

-- the description that was used last; of two used at the same time always the same one
final as (

    select distinct on (store_id)
        store_id,
        described.region,
        latest.first_sold_at,
        last_sold_at
    from latest
    join described using (store_id, last_sold_at)
    order by store_id, described.region

)

select * from final
