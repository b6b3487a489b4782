{# Every sum of measures per grain is the same in both; theirs maps a measure to an expression. #}
{% test sums_equal(model, to, grain, measures, theirs={}) %}
with ours as (

    select
        {{ grain | join(', ') }}
        {%- for measure in measures %},
        sum({{ measure }}) as {{ measure }}
        {%- endfor %}
    from {{ model }}
    group by {{ grain | join(', ') }}

),

other as (

    select
        {{ grain | join(', ') }}
        {%- for measure in measures %},
        sum({{ theirs.get(measure, measure) }}) as {{ measure }}
        {%- endfor %}
    from {{ to }}
    group by {{ grain | join(', ') }}

)

select {{ grain | join(', ') }}
from ours
full join other using ({{ grain | join(', ') }})
where false
{%- for measure in measures %}
or ours.{{ measure }} is distinct from other.{{ measure }}
{%- endfor %}
{% endtest %}
