{# By how much a run changes the sums of the fact per key: events that come less those that go. keys and
   measures map a column to the expression for it over an event; event_count is always there. #}
{% macro net_change(keys, measures) %}
    {%- set measures = dict({'event_count': '1'}, **measures) -%}
    select
        {{ keys | join(', ') }}
        {%- for name in measures %},
        sum({{ name }}) as {{ name }}
        {%- endfor %}
    from (
        {%- for model, sign, filter in [
            ('run_sales', '', 'where is_winner'), ('run_replaced', '-', '')
        ] %}
        {% if not loop.first %}union all{% endif %}
        select
            {% for name, expression in keys.items() -%}
            {{ expression }} as {{ name }},
            {% endfor -%}
            {% for name, expression in measures.items() -%}
            {{ sign }}{{ expression }} as {{ name }}{{ ',' if not loop.last }}
            {% endfor -%}
        from {{ ref(model) }}
        {{ filter }}
        {%- endfor %}
    ) changes
    group by {{ keys | join(', ') }}
{% endmacro %}
