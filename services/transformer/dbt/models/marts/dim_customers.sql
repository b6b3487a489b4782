{{
    config(
        fillfactor=60,
        meta={'publish': {'by': 'slice', 'key': ['customer_id'], 'whole_on_withdrawal': true, 'in_place': true}}
    )
}}
-- depends_on: {{ ref('stg_sales__events') }}, {{ source('ops', 'transform_file') }}
{{ last_described(key='customer_id', description=['region']) }}
