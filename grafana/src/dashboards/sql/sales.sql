-- What the sales dashboard asks the marts. Hours and days are UTC. Every comparison is over hours
-- that are over, so that an hour under way is never held against a whole one.

-- name: currencies
select currency from marts.mart_hourly_sales group by currency order by sum(event_count) desc

-- name: regions
select distinct region from marts.mart_sales_by_region order by region

-- part: hours
-- the hours of the range that are over and that the marts know
select
  date_trunc('hour', $__timeFrom()::timestamptz, 'UTC') as since,
  least(
    $__timeTo()::timestamptz,
    date_trunc('hour', now(), 'UTC'),
    (select max(sales_hour) + interval '1 hour' from marts.mart_hourly_sales)
  ) as until,
  -- a week that the marts know only in part is no measure
  (select min(sales_hour) from marts.mart_hourly_sales) as first_hour

-- part: sales
select region, sales_hour, revenue, units, false as before
from marts.mart_sales_by_region, hours
where sales_hour >= since and sales_hour < until
  and currency = ${currency:sqlstring} and region in (${region:sqlstring})
union all
select region, sales_hour, revenue, units, true
from marts.mart_sales_by_region, hours
where sales_hour >= since - interval '168 hours' and sales_hour < until - interval '168 hours'
  and first_hour <= since - interval '168 hours'
  and currency = ${currency:sqlstring} and region in (${region:sqlstring})

-- part: lines
-- the same of the fact, for what does not add up over hours; index on sales_hour
select transaction_id, event_id, product_id, net_amount, quantity, is_return, false as before
from marts.fct_sales, hours
where sales_hour >= since and sales_hour < until
  and currency = ${currency:sqlstring} and region in (${region:sqlstring})
union all
select transaction_id, event_id, product_id, net_amount, quantity, is_return, true
from marts.fct_sales, hours
where sales_hour >= since - interval '168 hours' and sales_hour < until - interval '168 hours'
  and first_hour <= since - interval '168 hours'
  and currency = ${currency:sqlstring} and region in (${region:sqlstring})

-- part: baskets
-- a line that names no transaction is an order of its own; a return is none
select distinct before, coalesce(transaction_id, event_id::text) as basket
from lines
where not is_return

-- part: orders
select
  count(*) filter (where not before) as orders,
  count(*) filter (where before) as orders_before
from baskets

-- part: totals
select
  coalesce(sum(revenue) filter (where not before), 0) as revenue,
  coalesce(sum(revenue) filter (where before), 0) as revenue_before,
  coalesce(sum(units) filter (where not before), 0) as units,
  coalesce(sum(units) filter (where before), 0) as units_before
from sales

-- name: data_as_of
-- milliseconds, as Grafana's date units take them
select
  extract(epoch from max(event_time_max)) * 1000 as "Newest sale",
  extract(epoch from (
    select max(published_at) from ops.transform_run where state = 'published'
  )) * 1000 as "Marts updated"
from ops.v_load_history
where state = 'loaded'
  and file_id in (select file_id from ops.transform_file where state = 'done')

-- name: revenue
-- after: hours, sales, totals
select revenue as "Revenue", revenue / nullif(revenue_before, 0) - 1 as "Against last week"
from totals

-- name: units
-- after: hours, sales, totals
select units as "Units", units / nullif(units_before, 0) - 1 as "Against last week"
from totals

-- name: orders
-- after: hours, lines, baskets, orders
select
  orders as "Orders",
  orders::numeric / nullif(orders_before, 0) - 1 as "Against last week"
from orders

-- name: average_order
-- after: hours, sales, totals, lines, baskets, orders
select
  revenue / nullif(orders, 0) as "Average order",
  (revenue / nullif(orders, 0)) / nullif(revenue_before / nullif(orders_before, 0), 0) - 1
    as "Against last week"
from totals, orders

-- name: trend
-- after: hours
select
  hour as time,
  case when hour < until then coalesce(this.revenue, 0) end as "Revenue",
  case when hour - interval '168 hours' >= first_hour then coalesce(before.revenue, 0) end
    as "Same hour last week",
  case when hour >= until then this.revenue end as "Hour under way"
from hours
cross join lateral generate_series(
  since, least($__timeTo()::timestamptz, now()), interval '1 hour'
) as hour
left join lateral (
  select sum(revenue) as revenue
  from marts.mart_sales_by_region
  where sales_hour = hour
    and currency = ${currency:sqlstring} and region in (${region:sqlstring})
) this on true
left join lateral (
  select sum(revenue) as revenue
  from marts.mart_sales_by_region
  where sales_hour = hour - interval '168 hours'
    and currency = ${currency:sqlstring} and region in (${region:sqlstring})
) before on true
order by hour

-- name: region_ranks
-- after: hours, sales
select
  region as "Region",
  coalesce(sum(revenue) filter (where not before), 0) as "Revenue",
  sum(revenue) filter (where not before)
    / nullif(sum(sum(revenue) filter (where not before)) over (), 0) as "Share",
  sum(revenue) filter (where not before)
    / nullif(sum(revenue) filter (where before), 0) - 1 as "Against last week"
from sales
group by region
order by "Revenue" desc

-- name: products
-- after: hours
-- the mart's grain is a day: whole days that the range touches
select
  p.product_id as "Product",
  d.product_name as "Name",
  d.category as "Category",
  sum(p.units) as "Units",
  sum(p.revenue) as "Revenue",
  sum(sum(p.revenue)) over (order by sum(p.revenue) desc, p.product_id)
    / nullif(sum(sum(p.revenue)) over (), 0) as "Cumulative share",
  sum(p.revenue) / nullif(sum(p.revenue + p.discount), 0) as "Price realisation",
  sum(p.return_count) as "Returns"
from hours
join marts.mart_product_performance p
  on p.sales_date >= (since at time zone 'UTC')::date
  and p.sales_date <= ((until - interval '1 second') at time zone 'UTC')::date
left join marts.dim_products d using (product_id)
where p.currency = ${currency:sqlstring} and p.region in (${region:sqlstring})
group by p.product_id, d.product_name, d.category
order by "Revenue" desc, p.product_id
limit 15

-- name: movers
-- after: hours, lines
-- nothing where no week before is known: then every product would be a mover
select *
from (
  select
    product_id as "Product",
    d.product_name as "Name",
    coalesce(sum(net_amount) filter (where not before), 0) as "Revenue",
    coalesce(sum(net_amount) filter (where before), 0) as "Last week",
    coalesce(sum(net_amount) filter (where not before), 0)
      - coalesce(sum(net_amount) filter (where before), 0) as "Change"
  from lines
  left join marts.dim_products d using (product_id)
  where exists (select 1 from lines where before)
  group by product_id, d.product_name
) changes
order by abs("Change") desc, "Product"
limit 15

-- name: heat_map
-- after: hours, sales
select
  to_char(hour at time zone 'UTC', 'Dy') as "Day",
  avg(coalesce(revenue, 0)) filter (where of_day = 0) as "00",
  avg(coalesce(revenue, 0)) filter (where of_day = 1) as "01",
  avg(coalesce(revenue, 0)) filter (where of_day = 2) as "02",
  avg(coalesce(revenue, 0)) filter (where of_day = 3) as "03",
  avg(coalesce(revenue, 0)) filter (where of_day = 4) as "04",
  avg(coalesce(revenue, 0)) filter (where of_day = 5) as "05",
  avg(coalesce(revenue, 0)) filter (where of_day = 6) as "06",
  avg(coalesce(revenue, 0)) filter (where of_day = 7) as "07",
  avg(coalesce(revenue, 0)) filter (where of_day = 8) as "08",
  avg(coalesce(revenue, 0)) filter (where of_day = 9) as "09",
  avg(coalesce(revenue, 0)) filter (where of_day = 10) as "10",
  avg(coalesce(revenue, 0)) filter (where of_day = 11) as "11",
  avg(coalesce(revenue, 0)) filter (where of_day = 12) as "12",
  avg(coalesce(revenue, 0)) filter (where of_day = 13) as "13",
  avg(coalesce(revenue, 0)) filter (where of_day = 14) as "14",
  avg(coalesce(revenue, 0)) filter (where of_day = 15) as "15",
  avg(coalesce(revenue, 0)) filter (where of_day = 16) as "16",
  avg(coalesce(revenue, 0)) filter (where of_day = 17) as "17",
  avg(coalesce(revenue, 0)) filter (where of_day = 18) as "18",
  avg(coalesce(revenue, 0)) filter (where of_day = 19) as "19",
  avg(coalesce(revenue, 0)) filter (where of_day = 20) as "20",
  avg(coalesce(revenue, 0)) filter (where of_day = 21) as "21",
  avg(coalesce(revenue, 0)) filter (where of_day = 22) as "22",
  avg(coalesce(revenue, 0)) filter (where of_day = 23) as "23"
from hours
cross join lateral generate_series(since, until - interval '1 hour', interval '1 hour') as hour
cross join lateral (select extract(hour from hour at time zone 'UTC') as of_day) clock
left join (
  select sales_hour, sum(revenue) as revenue from sales where not before group by sales_hour
) sold on sold.sales_hour = hour
group by extract(isodow from hour at time zone 'UTC'), to_char(hour at time zone 'UTC', 'Dy')
order by extract(isodow from hour at time zone 'UTC')

-- name: publications
select published_at as time, format('run %s: %s files, %s rows', run_id, files, rows_new) as text
from ops.transform_run
where state = 'published' and $__timeFilter(published_at)
order by published_at
