{{ config(analyze=['event_id', 'file_id']) }}
-- published fact rows that this run takes out: beaten by a newer copy, or withdrawn with their file
{%- set run = run_context() %}

with beaten as (

    select
        event_id,
        replaced_file_id as file_id,
        replaced_sales_hour as sales_hour,
        replaced_product_id as product_id
    from {{ ref('run_sales') }}
    where is_winner
    and replaced_file_id is not null

)

select * from beaten
{% if run and run.superseded %}
union
select event_id, file_id, sales_hour, product_id
from {{ published('fct_sales') }}
where {{ file_is_in('file_id', run.superseded) }}
{% endif %}
