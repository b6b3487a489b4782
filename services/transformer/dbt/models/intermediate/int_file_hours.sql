{{
    config(
        indexes=[{'columns': ['sales_hour']}, {'columns': ['batch_id']}],
        meta={'publish': {'by': 'run_file_hours', 'key': ['file_id', 'batch_id', 'sales_hour', 'currency'], 'in_place': true}},
        pre_hook='set local enable_seqscan = off'
    )
}}
-- depends_on: {{ ref('run_replaced') }}, {{ ref('run_file_hours') }}
{%- set run = run_context() %}

-- what is published, less the events that go, plus those that come, as in int_product_hours: a file of
-- which one event is sent again is not read again
with arriving as (

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

),

{% if run %}
leaving as (

    select
        file_id,
        coalesce(batch_id, '') as batch_id,
        sales_hour,
        currency,
        -1 as event_count,
        -quantity as units,
        -net_amount as revenue
    from {{ ref('run_replaced') }}

),

present as (

    select
        files.file_id, files.batch_id, files.sales_hour, files.currency, files.event_count,
        files.units, files.revenue
    from {{ ref('run_file_hours') }} changed
    cross join lateral (
        select *
        from {{ this }} files
        where files.file_id = changed.file_id
        and files.batch_id = changed.batch_id
        and files.sales_hour = changed.sales_hour
        and files.currency = changed.currency
        limit 1
    ) files

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
        file_id,
        batch_id,
        sales_hour,
        currency,
        sum(event_count)::bigint as event_count,
        sum(units) as units,
        sum(revenue) as revenue
    from changes
    group by file_id, batch_id, sales_hour, currency
    having sum(event_count) > 0

)

select * from final
