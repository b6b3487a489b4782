{# The run that is being built: none outside of one (from a shell; `dbt run`, which only creates), else
   its id and the ids of its files by kind. The service reads them from the ledger and tells them by the
   environment: never by --vars, which would re-parse, nor by a query, which each model would repeat. #}
{% macro run_context() %}
    {% if not execute or flags.FULL_REFRESH or flags.WHICH == 'run' or not in_service() %}{{ return(none) }}{% endif %}
    {{ return(fromjson(env_var('TRANSFORMER_RUN', 'null'))) }}
{% endmacro %}


{% macro in_service() %}
    {{ return(env_var('TRANSFORMER_WORKER', '') != '') }}
{% endmacro %}


{# A predicate for a few thousand file ids that an index on file_id can use: literals, with a range
   for each stretch of ids that lie close together. Mostly no id is left out: then the ranges say all. #}
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
        {%- set covered = namespace(ids=0) -%}
        (
        {%- for first, last in stretches -%}
            {%- set covered.ids = covered.ids + last - first + 1 -%}
            {{ ' or ' if not loop.first }}{{ column }} between {{ first }} and {{ last }}
        {%- endfor -%}
        )
        {%- if covered.ids > file_ids | unique | list | length %} and {{ column }} = any('{ {{- file_ids | join(',') -}} }'::bigint[]){% endif -%}
    {%- endif -%}
{%- endmacro %}
