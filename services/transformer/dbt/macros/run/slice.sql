{# Where a model's increment waits between writing and publishing: staging.run_<model>. #}
{% macro slice(relation) %}
    {% if relation.identifier is none or relation.identifier.startswith('__dbt__cte__') %}
        {# a unit test's input #}
        {{ return(relation) }}
    {% endif %}
    {{ return(api.Relation.create(
        database=relation.database, schema='staging', identifier='run_' ~ relation.identifier
    )) }}
{% endmacro %}


{# Tests look at what is about to be published, wherever something is about to be. #}
{% macro ref() %}
    {% set relation = builtins.ref(*varargs, **kwargs) %}
    {% if execute and model.resource_type == 'test' and (in_service() or flags.FULL_REFRESH) %}
        {% set target_model = graph.nodes.get('model.' ~ project_name ~ '.' ~ varargs[-1]) %}
        {% if target_model and target_model.config.materialized == 'incremental' %}
            {{ return(slice(relation)) }}
        {% endif %}
    {% endif %}
    {{ return(relation) }}
{% endmacro %}


{# The tables always exist when a model runs; only a full refresh reads everything. #}
{% macro is_incremental() %}
    {{ return(not flags.FULL_REFRESH) }}
{% endmacro %}


{# Nobody writes a slice but the process that owns the run; the share lock holds until the slice is
   committed, so that a take-over waits for it or ends it. #}
{% macro fence() %}
    {% if not in_service() %}{{ return('') }}{% endif %}
    {% call statement('fence') %}
        {# a slice that a crash of the server takes is built again: its commits wait for no disk #}
        set local synchronous_commit = off;
        do $$ declare owner text; begin
            for owner in select worker from ops.transform_run where state = 'running' for share loop
                if owner <> '{{ env_var('TRANSFORMER_WORKER') }}' then
                    raise 'another worker took this run over';
                end if;
            end loop;
        end $$
    {% endcall %}
{% endmacro %}


{# The published table of a model that itself builds on the caller: a ref would be a circle. #}
{% macro published(name) %}
    {{ return(api.Relation.create(
        database=target.database,
        schema='marts' if name.startswith(('fct_', 'dim_', 'mart_')) else 'staging',
        identifier=name
    )) }}
{% endmacro %}
