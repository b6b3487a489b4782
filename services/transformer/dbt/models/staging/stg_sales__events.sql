with source as (

    select * from {{ source('raw', 'sales_events') }}

),

renamed as (

    select
        -- ids
        event_id,
        file_id,
        line_no,
        {{ clean_text('batch_id') }} as batch_id,
        {{ clean_text('transaction_id') }} as transaction_id,
        line_number,
        {{ trimmed('store_id') }} as store_id,
        {{ trimmed('product_id') }} as product_id,
        {{ clean_text('customer_id') }} as customer_id,

        -- text
        coalesce({{ clean_text('event_type') }}, 'sale') as event_type,
        {{ clean_label('region') }} as region,
        {{ clean_code('channel') }} as channel,
        {{ clean_text('product_name') }} as product_name,
        {{ clean_label('category') }} as category,
        {{ clean_code('payment_method') }} as payment_method,
        upper(({{ trimmed('currency') }}) collate "C") as currency,

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
