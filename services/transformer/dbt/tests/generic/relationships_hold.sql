{% test relationships_hold(model, column, to) %}
select {{ column }} from {{ model }} child
where {{ column }} is not null
and not exists (select 1 from {{ to }} parent where parent.{{ column }} = child.{{ column }})
{% endtest %}
