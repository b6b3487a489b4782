-- One chunk of JSON lines as typed columns, and for each row whether it is sure to be right.
-- Numbers arrive as JSON text: a digit (48-57) or minus (45) first, no exponent, few enough places.
with lines as (
  select
    * exclude (quantity, unit_price, discount_amount, net_amount, schema_version, line_number),
    quantity::varchar as quantity,
    unit_price::varchar as unit_price,
    discount_amount::varchar as discount_amount,
    net_amount::varchar as net_amount,
    schema_version::varchar as schema_version,
    line_number::varchar as line_number
  from read_json(
    $path,
    format = 'newline_delimited',
    records = true,
    maximum_object_size = 33554432,
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
),
typed as (
  select
    * replace (
      try_cast(event_id as uuid) as event_id,
      try_cast(occurred_at as timestamptz) as occurred_at,
      try_cast(quantity as decimal(18, 3)) as quantity,
      try_cast(unit_price as decimal(18, 4)) as unit_price,
      try_cast(discount_amount as decimal(18, 4)) as discount_amount,
      try_cast(net_amount as decimal(18, 4)) as net_amount,
      try_cast(schema_version as smallint) as schema_version,
      try_cast(line_number as integer) as line_number
    ),
    coalesce(
      event_id like '________-____-____-____-____________'
      and regexp_full_match(
        occurred_at,
        '[12]\d{3}-\d\d-\d\dT([01]\d|2[0-3]):[0-5]\d:[0-5]\d(\.\d{1,6})?Z'
      )
      and store_id <> ''
      and region <> ''
      and product_id <> ''
      and (schema_version is null or schema_version = '1')
      and (
        line_number is null
        or (length(line_number) <= 9 and ascii(line_number) between 45 and 57
          and not contains(line_number, '.') and not contains(line_number, 'e'))
      )
      and ascii(quantity) between 45 and 57
      and not contains(quantity, 'e')
      and length(quantity) - coalesce(nullif(strpos(quantity, '.'), 0), length(quantity)) <= 3
      and (
        unit_price is null
        or (ascii(unit_price) between 45 and 57 and not contains(unit_price, 'e')
          and length(unit_price) - coalesce(nullif(strpos(unit_price, '.'), 0), length(unit_price)) <= 4)
      )
      and (
        discount_amount is null
        or (ascii(discount_amount) between 45 and 57 and not contains(discount_amount, 'e')
          and length(discount_amount) - coalesce(nullif(strpos(discount_amount, '.'), 0), length(discount_amount)) <= 4)
      )
      and (
        net_amount is null
        or (ascii(net_amount) between 45 and 57 and not contains(net_amount, 'e')
          and length(net_amount) - coalesce(nullif(strpos(net_amount, '.'), 0), length(net_amount)) <= 4)
      )
      and (unit_price is not null or net_amount is not null),
      false
    ) as written_well
  from lines
)
select
  * exclude (written_well),
  (
    written_well
    and event_id is not null
    and occurred_at is not null
    and coalesce(abs(quantity) < 1e9, false)
    and coalesce(abs(unit_price) < 1e9, true)
    and coalesce(abs(discount_amount) < 1e9, true)
    and coalesce(abs(net_amount) < 1e9, true)
    -- a cent apart is legal; what comes near it is left to exact arithmetic
    and coalesce(
      abs(
        quantity::double * unit_price::double
        - coalesce(discount_amount, 0)::double
        - net_amount::double
      ) < 0.0099,
      true
    )
  )::tinyint as ok
from typed
