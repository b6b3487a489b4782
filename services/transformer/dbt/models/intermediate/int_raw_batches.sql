{{
    config(
        indexes=[{'columns': ['batch_id']}],
        meta={'publish': {'by': 'run_own_files', 'key': ['file_id']}}
    )
}}
{%- set run = run_context() %}

with copies as (

    select * from {{ ref('run_sales') }}
    {% if run and run.superseded %}
    where {{ file_is_in('file_id', run.loaded) }}
    {% endif %}

),

final as (

    select
        file_id,
        coalesce(batch_id, '') as batch_id,
        currency,
        count(*) as event_count,
        sum(quantity) as units,
        sum(net_amount) as revenue
    from copies
    group by file_id, batch_id, currency

)

select * from final
