{{ config(analyze=['sales_hour', 'product_id', 'sales_date']) }}
-- by how much the run changes each hour, product, region and currency (an event can move to another
-- hour). The events are added up once, here; what builds on them adds this to what is published.
-- Exact, because numeric is
{{ net_change(
    keys={
        'sales_hour': 'sales_hour', 'sales_date': 'sales_date', 'product_id': 'product_id',
        'region': 'region', 'currency': 'currency',
    },
    measures={
        'units': 'quantity', 'revenue': 'net_amount', 'discount': 'discount_amount',
        'return_count': 'is_return::int',
    },
) }}
