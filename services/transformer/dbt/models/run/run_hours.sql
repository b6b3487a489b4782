{{ config(analyze=['sales_hour']) }}
select distinct sales_hour from {{ ref('run_cells') }}
