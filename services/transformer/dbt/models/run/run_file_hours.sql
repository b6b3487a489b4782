{{ config(analyze=['file_id', 'sales_hour']) }}
-- by how much the run changes each file's, batch's, hour's and currency's share of the fact
{{ net_change(
    keys={
        'file_id': 'file_id', 'batch_id': "coalesce(batch_id, '')", 'sales_hour': 'sales_hour',
        'currency': 'currency',
    },
    measures={'units': 'quantity', 'revenue': 'net_amount'},
) }}
