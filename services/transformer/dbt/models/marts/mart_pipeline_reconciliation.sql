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

revenue_by_currency as (

    select
        batch_id,
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
        sum(units) as units,
        sum(revenue) as revenue
    from counted
    group by batch_id

),

-- the hours a batch touches: what the fact says of them against what the marts show
batch_hours as (

    select distinct batch_id, sales_hour from {{ ref('int_file_hours') }}

),

region_hours as (

    select sales_hour, sum(event_count)::bigint as event_count, sum(revenue) as revenue
    from {{ ref('mart_sales_by_region') }}
    group by sales_hour

),

hours as (

    select sales_hour, sum(event_count)::bigint as event_count, sum(revenue) as revenue
    from {{ ref('int_hours') }}
    group by sales_hour

),

marts_by_batch as (

    select
        batch_hours.batch_id,
        sum(abs(coalesce(region_hours.event_count, 0) - hours.event_count))::bigint as event_diff
    from batch_hours
    left join hours using (sales_hour)
    left join region_hours using (sales_hour)
    group by batch_hours.batch_id

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
        coalesce(loaded_batches.event_count, 0) as raw_events,
        coalesce(loaded_batches.event_count, 0) - coalesce(counted_batches.event_count, 0)
            as repeated_events,
        coalesce(counted_batches.event_count, 0) as fact_events,
        coalesce(counted_batches.units, 0) as fact_units,
        coalesce(counted_batches.revenue, 0) as fact_revenue,
        coalesce(counted_batches.event_count, 0) - manifests.event_count as events_diff,
        coalesce(counted_batches.units, 0) - manifests.quantity_sum as units_diff,
        case when manifests.batch_id is not null then coalesce(revenue_by_currency.revenue_diff, 0) end
            as revenue_diff,
        coalesce(marts_by_batch.event_diff, 0) as marts_diff
    from manifests
    full join loaded_batches using (batch_id)
    full join counted_batches using (batch_id)
    left join revenue_by_currency using (batch_id)
    left join marts_by_batch using (batch_id)

)

select * from final
