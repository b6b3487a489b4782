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
            {# 3,000 rows of it say what is asked here: how many there are, and how many of a kind #}
            set local default_statistics_target = 10;
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
    {% do ensure_indexes(published) %}
    {% do apply_grants(published, config.get('grants'), should_revoke=False) %}
    {% do persist_docs(published, model) %}
{% endmacro %}


{# The model's indexes, named by what they cover: dbt's own names differ at each run, and so would pile
   up. What an older release of the model made goes; an index of any other name is somebody's, and stays. #}
{% macro ensure_indexes(published) %}
    {% set prefix = published.identifier ~ '__' %}
    {% set query %}
        select indexname from pg_indexes
        where schemaname = '{{ published.schema }}' and tablename = '{{ published.identifier }}'
    {% endset %}
    {% set present = run_query(query).columns[0].values() | list %}
    {% set wanted = [] %}
    {% for index in config.get('indexes', []) %}
        {% set name = prefix ~ index.columns | join('_') %}
        {% do wanted.append(name) %}
        {% if name not in present %}
            {% call statement('index') %}
                create index {{ name }}
                on {{ published }} using {{ index.type or 'btree' }} ({{ index.columns | join(', ') }})
                {% if index.type == 'brin' %}with (autosummarize = on){% endif %}
            {% endcall %}
        {% endif %}
    {% endfor %}
    {% for name in present if name.startswith(prefix) and name not in wanted %}
        {% call statement('unindex') %}
            drop index {{ published.include(identifier=false) }}.{{ name }}
        {% endcall %}
    {% endfor %}
{% endmacro %}
