-- One chunk of JSON lines as texts; a number as the JSON text of its value.
select *
from read_json(
  $path,
  format = 'newline_delimited',
  records = true,
  maximum_object_size = 4194304,
  columns = {
    'schema_version': 'JSON',
    'event_id': 'VARCHAR',
    'event_type': 'VARCHAR',
    'batch_id': 'VARCHAR',
    'transaction_id': 'VARCHAR',
    'line_number': 'JSON',
    'occurred_at': 'VARCHAR',
    'store_id': 'VARCHAR',
    'region': 'VARCHAR',
    'channel': 'VARCHAR',
    'customer_id': 'VARCHAR',
    'product_id': 'VARCHAR',
    'product_name': 'VARCHAR',
    'category': 'VARCHAR',
    'quantity': 'JSON',
    'unit_price': 'JSON',
    'discount_amount': 'JSON',
    'net_amount': 'JSON',
    'currency': 'VARCHAR',
    'payment_method': 'VARCHAR'
  }
)
