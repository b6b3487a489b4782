{{
    config(
        indexes=[{'columns': ['sales_hour']}, {'columns': ['batch_id']}],
        meta={'publish': {'by': 'run_files', 'key': ['file_id']}},
        pre_hook='set local enable_seqscan = off'
    )
}}
-- the hook: the planner learns late that the fact's files lie together, and would read all of it
{%- set counted_files = 'select file_id from ' ~ ref('run_files') %}
{%- set files = run_query(counted_files).columns[0].values() | map('int') | list if run_context() else [] %}

with arriving as (

    select file_id, batch_id, sales_hour, currency, quantity, net_amount
    from {{ ref('run_sales') }}
    where is_winner

),

{% if is_incremental() %}
staying as (

    select
        fct.file_id, fct.batch_id, fct.sales_hour, fct.currency, fct.quantity, fct.net_amount
    from {{ ref('fct_sales') }} fct
    where {{ file_is_in('fct.file_id', files) }}
    and not exists (
        select 1 from {{ ref('run_replaced') }} replaced where replaced.event_id = fct.event_id
    )

),
{% endif %}

sales as (

    select * from arriving
    {% if is_incremental() %}
    union all
    select * from staying
    {% endif %}

),

final as (

    select
        file_id,
        coalesce(batch_id, '') as batch_id,
        sales_hour,
        currency,
        count(*) as event_count,
        sum(quantity) as units,
        sum(net_amount) as revenue
    from sales
    group by file_id, batch_id, sales_hour, currency

)

select * from final
