{# What no producer can mean and no loader can know. Returns file ids: those files are held. #}
{% test usable_sales(model) %}
select file_id, line_no
from {{ model }}
where net_amount is null
or store_id = ''
or product_id = ''
or region = ''
or length(currency) <> 3
or abs(net_amount) > 1e12
or abs(quantity) > 1e9
or occurred_at < '1990-01-01'
or occurred_at > now() + interval '2 days'
{% endtest %}
