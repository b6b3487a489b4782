{{
    config(
        slice='view',
        indexes=[{'columns': ['file_id', 'sales_hour'], 'type': 'brin'}],
        meta={'publish': {'by': 'run_replaced', 'key': ['event_id']}}
    )
}}

with winners as (

    select * from {{ ref('run_sales') }} where is_winner

),

final as (

    select
        -- ids
        event_id,
        file_id,
        line_no,
        batch_id,
        transaction_id,
        line_number,
        store_id,
        product_id,
        customer_id,

        -- text
        event_type,
        region,
        channel,
        payment_method,
        currency,

        -- numerics
        quantity,
        unit_price,
        discount_amount,
        net_amount,

        -- booleans
        is_return,

        -- timestamps
        occurred_at,
        sales_hour,
        sales_date

    from winners

)

select * from final
