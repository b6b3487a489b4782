{%- set run = run_context() %}
{%- set own = (run.loaded + run.superseded) if run else [] %}

select unnest('{ {{- own | join(',') -}} }'::bigint[]) as file_id
