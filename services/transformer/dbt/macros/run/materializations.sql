{# Write half of write, audit, publish: fills the slice and touches the published table only to
   create it, empty, or to add a column. `slice: view` keeps the slice a view, for a model whose rows
   are all in another one already. #}
{% materialization incremental, adapter='postgres' %}
    {% set published = this.incorporate(type='table') %}
    {% set waiting = slice(this) %}
    {{ run_hooks(pre_hooks, inside_transaction=False) }}
    {{ run_hooks(pre_hooks, inside_transaction=True) }}
    {% do fence() %}
    {% set creating = run_context() is none %}
    {% if creating %}{% do ensure_table(published, waiting, sql) %}{% endif %}
    {% if config.get('slice') == 'view' %}
        {% if creating %}
            {% call statement('drop') %}drop view if exists {{ waiting }}{% endcall %}
        {% endif %}
        {% call statement('main') %}
            {% if creating %}create or replace view {{ waiting }} as {{ sql }}
            {% else %}select 1{% endif %}
        {% endcall %}
    {% else %}
        {% do fill(waiting, published, sql, creating) %}
    {% endif %}
    {{ run_hooks(post_hooks, inside_transaction=True) }}
    {{ adapter.commit() }}
    {{ run_hooks(post_hooks, inside_transaction=False) }}
    {{ return({'relations': [published]}) }}
{% endmaterialization %}


{# A table that lives for one run: never published, never read by people. #}
{% materialization run_table, adapter='postgres' %}
    {% set table = this.incorporate(type='table') %}
    {{ run_hooks(pre_hooks, inside_transaction=False) }}
    {{ run_hooks(pre_hooks, inside_transaction=True) }}
    {% do fence() %}
    {% if run_context() is none %}
        {% call statement('create') %}
            drop table if exists {{ table }} cascade;
            create unlogged table {{ table }} with (autovacuum_enabled = false)
            as select * from ({{ sql }}) model limit 0
        {% endcall %}
    {% endif %}
    {% do fill(table, none, sql, false) %}
    {{ run_hooks(post_hooks, inside_transaction=True) }}
    {{ adapter.commit() }}
    {{ run_hooks(post_hooks, inside_transaction=False) }}
    {{ return({'relations': [table]}) }}
{% endmaterialization %}


{# Replaced in place, so that what stands on it stays. #}
{% materialization view, adapter='postgres' %}
    {% set view = this.incorporate(type='view') %}
    {{ run_hooks(pre_hooks, inside_transaction=False) }}
    {{ run_hooks(pre_hooks, inside_transaction=True) }}
    {% if config.get('contract').enforced %}{{ get_assert_columns_equivalent(sql) }}{% endif %}
    {% set old = load_cached_relation(this) %}
    {% if old is not none and old.is_table and old.schema == 'staging' %}
        {# what was a table for one run; of a mart nothing is ever dropped #}
        {% call statement('drop') %}drop table {{ view }}{% endcall %}
    {% endif %}
    {% call statement('main') %}create or replace view {{ view }} as {{ sql }}{% endcall %}
    {% do apply_grants(view, config.get('grants'), should_revoke=False) %}
    {% do persist_docs(view, model) %}
    {{ run_hooks(post_hooks, inside_transaction=True) }}
    {{ adapter.commit() }}
    {{ run_hooks(post_hooks, inside_transaction=False) }}
    {{ return({'relations': [view]}) }}
{% endmaterialization %}


{% macro fill(table, like, sql, creating) %}
    {% if creating %}
        {% call statement('create') %}
            drop table if exists {{ table }};
            create unlogged table {{ table }} (like {{ like }} including constraints)
            with (autovacuum_enabled = false)
        {% endcall %}
    {% else %}
        {% call statement('empty') %}truncate table {{ table }}{% endcall %}
    {% endif %}
    {% set columns = model.columns.keys() | list if model.columns and like else none %}
    {% call statement('main') %}
        insert into {{ table }} {% if columns %}({{ columns | join(', ') }}){% endif %}

        {% if columns %}select {{ columns | join(', ') }} from ({{ sql }}) model
        {% else %}{{ sql }}{% endif %}
    {% endcall %}
    {# for those that are joined with large tables; the others are read whole #}
    {% if config.get('analyze') %}
        {% call statement('analyze') %}
            analyze {{ table }} ({{ config.get('analyze') | join(', ') }})
        {% endcall %}
    {% endif %}
{% endmacro %}


{# Create the published table empty, with its contract, indexes and grants; or add what it lacks. #}
{% macro ensure_table(published, waiting, sql) %}
    {% if config.get('contract').enforced %}{% do get_assert_columns_equivalent(sql) %}{% endif %}
    {% call statement('ensure') %}
        create table if not exists {{ published }} {{ get_table_columns_and_constraints() }}
    {% endcall %}
    {% if config.get('fillfactor') %}
        {% call statement('fillfactor') %}
            alter table {{ published }} set (fillfactor = {{ config.get('fillfactor') }})
        {% endcall %}
    {% endif %}
    {% set present = adapter.get_columns_in_relation(published) | map(attribute='name') | list %}
    {% for name, column in model.columns.items() if name not in present %}
        {% call statement('append') %}
            alter table {{ published }} add column {{ name }} {{ column.data_type }}
        {% endcall %}
    {% endfor %}
    {# named by what it covers: dbt's own names differ at each run, and so would pile up #}
    {% set present = indexes_of(published) %}
    {% set wanted = [] %}
    {% for index in config.get('indexes', []) %}
        {% set name = published.identifier ~ '__' ~ index.columns | join('_') %}
        {% do wanted.append(name) %}
        {% if name not in present %}
            {% call statement('index') %}
                create index {{ name }}
                on {{ published }} using {{ index.type or 'btree' }} ({{ index.columns | join(', ') }})
                {% if index.type == 'brin' %}with (autosummarize = on){% endif %}
            {% endcall %}
        {% endif %}
    {% endfor %}
    {# what an older release of the model made, and no other name: an analyst's own index stays #}
    {% for name in present if name.startswith(published.identifier ~ '__') and name not in wanted %}
        {% call statement('unindex') %}drop index {{ published.include(identifier=false) }}.{{ name }}{% endcall %}
    {% endfor %}
    {% do apply_grants(published, config.get('grants'), should_revoke=False) %}
    {% do persist_docs(published, model) %}
{% endmacro %}


{# Names of a table's indexes. #}
{% macro indexes_of(relation) %}
    {% set query %}
        select indexname from pg_indexes
        where schemaname = '{{ relation.schema }}' and tablename = '{{ relation.identifier }}'
    {% endset %}
    {{ return(run_query(query).columns[0].values() | list if execute else []) }}
{% endmacro %}
