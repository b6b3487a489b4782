select distinct sales_hour from {{ ref('run_cells') }}
