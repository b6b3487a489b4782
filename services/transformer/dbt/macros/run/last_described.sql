{# A dimension: each key with the description that was used last, over every copy ever loaded, beaten
   ones included, so that the order of runs cannot matter; when a file is withdrawn the whole dimension
   is made anew. description: the columns that describe the key. #}
{% macro last_described(key, description) %}
    {%- set run = run_context() %}
    {%- set withdrawing = run and run.superseded %}
    {%- set described = description | join(', ') -%}
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
            {{ key }},
            {{ described }},
            min(occurred_at) as first_sold_at,
            max(occurred_at) as last_sold_at
        from events
        where {{ key }} is not null
        group by {{ key }}, {{ described }}

    ),

    {% if run and not withdrawing %}
    known as (

        select dim.*
        from {{ this }} dim
        where dim.{{ key }} in (select {{ key }} from arriving)

    ),
    {% endif %}

    candidates as (

        select * from arriving
        {% if run and not withdrawing %}
        union all
        select * from known
        {% endif %}

    ),

    latest as (

        select
            {{ key }},
            min(first_sold_at) as first_sold_at,
            max(last_sold_at) as last_sold_at
        from candidates
        group by {{ key }}

    )

    -- of two descriptions used at the same time always the same one
    select distinct on ({{ key }})
        {{ key }},
        {%- for column in description %}
        candidates.{{ column }},
        {%- endfor %}
        latest.first_sold_at,
        last_sold_at
    from latest
    join candidates using ({{ key }}, last_sold_at)
    order by {{ key }}{% for column in description %}, candidates.{{ column }}{% endfor %}
{% endmacro %}
