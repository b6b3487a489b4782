{# What is done to texts. With tidy nothing: loader/line_scan.py says of which texts that is true. #}


{# Without blanks around. Most texts have none anywhere: asking first takes a third of btrim alone. #}
{% macro trimmed(column, tidy=false) -%}
    {%- if tidy -%}{{ column }}
    {%- else -%}
    case when {{ column }} like '% %' then btrim({{ column }}) else {{ column }} end
    {%- endif -%}
{%- endmacro %}


{# Spelling as people meant it: no blanks around, nothing for empty. #}
{% macro clean_text(column, tidy=false) -%}
    {%- if tidy -%}{{ column }}{%- else -%}nullif({{ trimmed(column) }}, ''){%- endif -%}
{%- endmacro %}


{# Codes that are ASCII; comparing and folding bytes is seven times faster than by locale. #}
{% macro clean_code(column, tidy=false) -%}
    {%- if tidy -%}{{ column }}{%- else -%}lower({{ clean_text(column) }} collate "C"){%- endif -%}
{%- endmacro %}


{# Three letters, large. #}
{% macro clean_currency(column, tidy=false) -%}
    {%- if tidy -%}{{ column }}{%- else -%}upper(({{ trimmed(column) }}) collate "C"){%- endif -%}
{%- endmacro %}


{# Names of regions and categories: 'west' and 'WEST' are West; 'EU' and 'Non-Food' stay. #}
{% macro clean_label(column, tidy=false) -%}
    {%- if tidy -%}{{ column }}
    {%- else -%}
    case
        when {{ column }} collate "C" = lower({{ column }} collate "C") then initcap(btrim({{ column }}))
        when length({{ column }}) > 3 and {{ column }} collate "C" = upper({{ column }} collate "C")
            then initcap(btrim({{ column }}))
        else {{ trimmed(column) }}
    end
    {%- endif -%}
{%- endmacro %}
