{# Without blanks around. Most texts have none anywhere: asking first takes a third of btrim alone. #}
{% macro trimmed(column) -%}
    case when {{ column }} like '% %' then btrim({{ column }}) else {{ column }} end
{%- endmacro %}


{# Spelling as people meant it: no blanks around, nothing for empty. #}
{% macro clean_text(column) -%}
    nullif({{ trimmed(column) }}, '')
{%- endmacro %}


{# Codes that are ASCII; comparing and folding bytes is seven times faster than by locale. #}
{% macro clean_code(column) -%}
    lower({{ clean_text(column) }} collate "C")
{%- endmacro %}


{# Names of regions and categories: 'west' and 'WEST' are West; 'EU' and 'Non-Food' stay. #}
{% macro clean_label(column) -%}
    case
        when {{ column }} collate "C" = lower({{ column }} collate "C") then initcap(btrim({{ column }}))
        when length({{ column }}) > 3 and {{ column }} collate "C" = upper({{ column }} collate "C")
            then initcap(btrim({{ column }}))
        else {{ trimmed(column) }}
    end
{%- endmacro %}
