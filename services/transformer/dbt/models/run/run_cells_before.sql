{{ config(pre_hook='set local enable_seqscan = off') }}
-- depends_on: {{ ref('run_cells') }}
-- the published rows of the cells that the run changes
{% if run_context() %}
select
    hours.sales_hour, hours.sales_date, hours.product_id, hours.region, hours.currency,
    hours.event_count, hours.units, hours.revenue, hours.discount, hours.return_count
from {{ ref('run_cells') }} cells
-- limit 1: an index look-up a cell whatever the statistics say, never a read of every cell there is
cross join lateral (
    select *
    from {{ published('int_product_hours') }} hours
    where hours.sales_hour = cells.sales_hour
    and hours.product_id = cells.product_id
    and hours.region = cells.region
    and hours.currency = cells.currency
    limit 1
) hours
{% else %}
select
    null::timestamptz as sales_hour,
    null::date as sales_date,
    null::text as product_id,
    null::text as region,
    null::text as currency,
    null::bigint as event_count,
    null::numeric as units,
    null::numeric as revenue,
    null::numeric as discount,
    null::bigint as return_count
where false
{% endif %}
