{# The key of the session lock that the service's dbt process holds for as long as it lives. #}
{% macro lock_key() %}{{ return(7236280100113) }}{% endmacro %}


{% macro refuse_beside_the_service() %}
    {% if not execute or in_service() %}{{ return('') }}{% endif %}
    {% if not run_query('select pg_try_advisory_xact_lock(' ~ lock_key() ~ ')').rows[0][0] %}
        {{ exceptions.raise_compiler_error(
            'the transformer is running on this database: stop it, or use its POST /v1/runs'
        ) }}
    {% endif %}
    {{ return('') }}
{% endmacro %}


{# Publish half of a full refresh: every slice replaces its table, all in one transaction, and only
   when every model and test passed. No table is dropped or renamed: what was built on it stays, and
   readers see the old rows until the new ones are committed. #}
{% macro publish_full_refresh(results) %}
    {% if not execute or not flags.FULL_REFRESH or flags.WHICH not in ('build', 'run') %}
        {{ return('') }}
    {% endif %}
    {% set failed = results | selectattr('status', 'in', ['error', 'fail', 'skipped', 'runtime error']) | list %}
    {% if failed %}
        {{ log('full refresh not published: ' ~ failed | length ~ ' nodes failed', info=True) }}
        {{ return('') }}
    {% endif %}
    {% set models = [] %}
    {% for result in results if result.node.resource_type == 'model'
        and result.node.config.materialized == 'incremental' %}
        {% do models.append(result.node) %}
    {% endfor %}
    {% call statement('publish', auto_begin=True) %}
        {% if not in_service() %}
        do $$ begin
            if not pg_try_advisory_xact_lock({{ lock_key() }}) then
                raise 'the transformer was started meanwhile';
            end if;
        end $$;
        {% endif %}
        {% for node in models %}
            {% set columns = node.columns.keys() | join(', ') %}
            delete from {{ node.schema }}.{{ node.name }};
            insert into {{ node.schema }}.{{ node.name }} ({{ columns }})
            select {{ columns }} from staging.run_{{ node.name }};
        {% endfor %}
        commit;
        begin;
    {% endcall %}
    {% do adapter.commit() %}
    {{ log('full refresh published: ' ~ models | length ~ ' tables', info=True) }}
    {{ return('') }}
{% endmacro %}
