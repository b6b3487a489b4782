{# The run that is being built: none outside of one (from a shell; `dbt run`, which only creates), else
   its id and the ids of its files by kind. Read from the ledger, never from --vars: those would re-parse. #}
{% macro run_context() %}
    {% if not execute or flags.FULL_REFRESH or flags.WHICH == 'run' or not in_service() %}{{ return(none) }}{% endif %}
    {% set rows = run_query(
        "select r.run_id, f.file_id, f.kind from ops.transform_run r"
        " left join ops.transform_file f on f.run_id = r.run_id and f.state = 'claimed'"
        " where r.state = 'running' and r.worker = '" ~ env_var('TRANSFORMER_WORKER') ~ "'"
        " order by f.file_id"
    ).rows %}
    {% if not rows %}{{ return(none) }}{% endif %}
    {% set run = {'run_id': rows[0][0] | int, 'loaded': [], 'superseded': []} %}
    {% for _, file_id, kind in rows if file_id is not none %}
        {% do run[kind].append(file_id | int) %}
    {% endfor %}
    {{ return(run) }}
{% endmacro %}


{% macro in_service() %}
    {{ return(env_var('TRANSFORMER_WORKER', '') != '') }}
{% endmacro %}


{# A predicate for a few thousand file ids that an index on file_id can use: literals, with a range
   for each stretch of ids that lie close together. #}
{% macro file_is_in(column, file_ids) -%}
    {%- if not file_ids -%}
        false
    {%- else -%}
        {%- set stretches = [] -%}
        {%- for file_id in file_ids | sort -%}
            {%- if stretches and file_id - stretches[-1][1] <= 64 -%}
                {%- do stretches.append([stretches.pop()[0], file_id]) -%}
            {%- else -%}
                {%- do stretches.append([file_id, file_id]) -%}
            {%- endif -%}
        {%- endfor -%}
        (
        {%- for first, last in stretches -%}
            {{ ' or ' if not loop.first }}{{ column }} between {{ first }} and {{ last }}
        {%- endfor -%}
        ) and {{ column }} = any('{ {{- file_ids | join(',') -}} }'::bigint[])
    {%- endif -%}
{%- endmacro %}
