{# Measures added up under their own names. Counts stay whole numbers, of which sum makes numerics. #}
{% macro sums(measures) -%}
    {%- for measure in measures %}
    sum({{ measure }}){{ '::bigint' if measure.endswith('_count') }} as {{ measure }}{{ ',' if not loop.last }}
    {%- endfor %}
{%- endmacro %}
