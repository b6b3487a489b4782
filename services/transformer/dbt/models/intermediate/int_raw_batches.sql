{{
    config(
        indexes=[{'columns': ['batch_id']}],
        meta={'publish': {'by': 'run_own_files', 'key': ['file_id']}}
    )
}}
{%- set run = run_context() %}

-- what is loaded, repeats and all
with final as (

    select
        file_id,
        batch_id,
        currency,
        sum(copy_count)::bigint as event_count,
        sum(copy_units) as units,
        sum(copy_revenue) as revenue
    from {{ ref('run_file_hours') }}
    where copy_count > 0
    {% if run and run.superseded %}
    and {{ file_is_in('file_id', run.loaded) }}
    {% endif %}
    group by file_id, batch_id, currency

)

select * from final
