{# Spelling as people meant it: no blanks around, nothing for empty. #}
{% macro clean_text(column) -%}
    nullif(btrim({{ column }}), '')
{%- endmacro %}


{# Names of regions and categories: 'west' and 'WEST' are West; 'EU' and 'Non-Food' stay. #}
{% macro clean_label(column) -%}
    case
        when {{ column }} = lower({{ column }}) then initcap(btrim({{ column }}))
        when length({{ column }}) > 3 and {{ column }} = upper({{ column }})
            then initcap(btrim({{ column }}))
        else btrim({{ column }})
    end
{%- endmacro %}
