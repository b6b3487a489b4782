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
        {{ sums(['event_count', 'units', 'revenue']) }}
    from {{ ref('run_copies') }}
    {% if run and run.superseded %}
    where {{ file_is_in('file_id', run.loaded) }}
    {% endif %}
    group by file_id, batch_id, currency

)

select * from final
