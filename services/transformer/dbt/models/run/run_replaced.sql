{{ config(analyze=['sales_hour', 'file_id']) }}
-- published fact rows that this run takes out: beaten by a newer copy, or withdrawn with their file
{%- set run = run_context() %}

with beaten as (

    select event_id
    from {{ ref('run_sales') }}
    where is_winner
    and replaced_file_id is not null

),

gone as (

    select event_id from beaten
    {% if run and run.superseded %}
    union
    select event_id from {{ published('fct_sales') }}
    where {{ file_is_in('file_id', run.superseded) }}
    {% endif %}

)

select
    event_id, file_id, batch_id, sales_hour, sales_date, product_id, region, currency, quantity,
    net_amount, discount_amount, is_return
{% if run %}
from gone
join {{ published('fct_sales') }} using (event_id)
{% else %}
-- nothing is published, or all of it is made anew
from {{ ref('run_sales') }}
where false
{% endif %}
