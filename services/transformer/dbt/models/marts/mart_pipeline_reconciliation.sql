{{ config(materialized='view') }}

with manifests as (

    select * from {{ source('ops', 'batch_manifest') }}

),

promised_revenue as (

    select
        manifests.batch_id,
        upper(amounts.key) as currency,
        amounts.value::numeric as revenue
    from manifests
    cross join lateral jsonb_each_text(manifests.net_amount_sum) amounts

),

loaded as (

    select
        batch_id,
        currency,
        sum(event_count)::bigint as event_count,
        sum(units) as units,
        sum(revenue) as revenue
    from {{ ref('int_raw_batches') }}
    group by batch_id, currency

),

counted as (

    select
        batch_id,
        currency,
        sum(event_count)::bigint as event_count,
        sum(units) as units,
        sum(revenue) as revenue
    from {{ ref('int_file_hours') }}
    group by batch_id, currency

),

-- amounts of different currencies are never added; what they differ by is, to show that it is zero
revenue_by_currency as (

    select
        batch_id,
        jsonb_object_agg(currency, promised_revenue.revenue)
            filter (where promised_revenue.revenue is not null) as manifest_revenue,
        jsonb_object_agg(currency, counted.revenue)
            filter (where counted.revenue is not null) as fact_revenue,
        sum(abs(coalesce(promised_revenue.revenue, 0) - coalesce(counted.revenue, 0))) as revenue_diff
    from promised_revenue
    full join counted using (batch_id, currency)
    group by batch_id

),

loaded_batches as (

    select batch_id, sum(event_count)::bigint as event_count from loaded group by batch_id

),

counted_batches as (

    select
        batch_id,
        sum(event_count)::bigint as event_count,
        sum(units) as units
    from counted
    group by batch_id

),

-- loaded, but not in the marts: the next run's, or refused by a test
waiting as (

    select
        batch_id,
        count(*) filter (where taken.state is distinct from 'held') as pending_files,
        count(*) filter (where taken.state = 'held') as held_files
    from {{ source('ops', 'load_file') }} files
    left join {{ source('ops', 'transform_file') }} taken using (file_id)
    cross join lateral unnest(files.batch_ids) batch_id
    where files.state = 'loaded'
    and taken.state is distinct from 'done'
    group by batch_id

),

-- the hours a batch touches: what the fact says of them against what the marts show
batch_hours as (

    select distinct batch_id, sales_hour from {{ ref('int_file_hours') }}

),

region_hours as (

    select sales_hour, sum(event_count) as event_count
    from {{ ref('mart_sales_by_region') }}
    group by sales_hour

),

hours as (

    select sales_hour, sum(event_count) as event_count
    from {{ ref('int_hours') }}
    group by sales_hour

),

by_hour as (

    select
        batch_hours.batch_id,
        sum(abs(coalesce(region_hours.event_count, 0) - coalesce(hours.event_count, 0))) as event_diff
    from batch_hours
    left join hours using (sales_hour)
    left join region_hours using (sales_hour)
    group by batch_hours.batch_id

),

-- and the days it touches, by product
product_days as (

    select sales_date, sum(event_count) as event_count
    from {{ ref('int_product_days') }}
    group by sales_date

),

days as (

    select (sales_hour at time zone 'UTC')::date as sales_date, sum(event_count) as event_count
    from hours
    group by 1

),

by_day as (

    select
        batch_days.batch_id,
        sum(abs(coalesce(product_days.event_count, 0) - coalesce(days.event_count, 0))) as event_diff
    from (
        select distinct batch_id, (sales_hour at time zone 'UTC')::date as sales_date
        from batch_hours
    ) batch_days
    left join days using (sales_date)
    left join product_days using (sales_date)
    group by batch_days.batch_id

),

final as (

    select
        batch_id,
        manifests.producer,
        manifests.window_start,
        manifests.window_end,
        manifests.published_at,
        manifests.event_count as manifest_events,
        manifests.quantity_sum as manifest_units,
        revenue_by_currency.manifest_revenue,
        coalesce(loaded_batches.event_count, 0) as raw_events,
        coalesce(loaded_batches.event_count, 0) - coalesce(counted_batches.event_count, 0)
            as repeated_events,
        coalesce(counted_batches.event_count, 0) as fact_events,
        coalesce(counted_batches.units, 0) as fact_units,
        revenue_by_currency.fact_revenue,
        coalesce(counted_batches.event_count, 0) - manifests.event_count as events_diff,
        coalesce(counted_batches.units, 0) - manifests.quantity_sum as units_diff,
        case when manifests.batch_id is not null then coalesce(revenue_by_currency.revenue_diff, 0) end
            as revenue_diff,
        (coalesce(by_hour.event_diff, 0) + coalesce(by_day.event_diff, 0))::bigint as marts_diff,
        coalesce(waiting.pending_files, 0) as pending_files,
        coalesce(waiting.held_files, 0) as held_files
    from manifests
    full join loaded_batches using (batch_id)
    full join counted_batches using (batch_id)
    full join waiting using (batch_id)
    left join revenue_by_currency using (batch_id)
    left join by_hour using (batch_id)
    left join by_day using (batch_id)

)

select * from final
