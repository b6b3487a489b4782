{# raw's rows with their texts as people meant them. tidy: they are like that already, the loader has
   looked; nothing else differs. #}
{% macro sales_events(tidy=false) %}
with source as (

    select * from {{ source('raw', 'sales_events') }}

),

renamed as (

    select
        -- ids
        event_id,
        file_id,
        line_no,
        {{ clean_text('batch_id', tidy) }} as batch_id,
        {{ clean_text('transaction_id', tidy) }} as transaction_id,
        line_number,
        {{ trimmed('store_id', tidy) }} as store_id,
        {{ trimmed('product_id', tidy) }} as product_id,
        {{ clean_text('customer_id', tidy) }} as customer_id,

        -- text
        coalesce({{ clean_text('event_type', tidy) }}, 'sale') as event_type,
        {{ clean_label('region', tidy) }} as region,
        {{ clean_code('channel', tidy) }} as channel,
        {{ clean_text('product_name', tidy) }} as product_name,
        {{ clean_label('category', tidy) }} as category,
        {{ clean_code('payment_method', tidy) }} as payment_method,
        {{ clean_currency('currency', tidy) }} as currency,

        -- numerics: exact, never rounded
        quantity,
        unit_price,
        coalesce(discount_amount, 0) as discount_amount,
        coalesce(net_amount, quantity * unit_price - coalesce(discount_amount, 0)) as net_amount,

        -- booleans
        quantity < 0 as is_return,

        -- timestamps
        occurred_at,
        date_bin('1 hour', occurred_at, timestamptz '2000-01-01 00:00:00+00') as sales_hour,
        (occurred_at at time zone 'UTC')::date as sales_date

    from source

)

select * from renamed
{% endmacro %}
