{{ config(materialized='view') }}

-- a view: a changed hour changes the comparisons of two later hours, too
with hours as (

    select * from {{ ref('int_hours') }}

),

final as (

    select
        hours.sales_hour,
        hours.currency,
        hours.event_count,
        hours.units,
        hours.revenue,
        day_before.event_count as event_count_day_before,
        day_before.revenue as revenue_day_before,
        hours.revenue - day_before.revenue as revenue_change_day,
        round(
            100 * (hours.revenue - day_before.revenue) / nullif(abs(day_before.revenue), 0), 2
        ) as revenue_change_day_percent,
        week_before.event_count as event_count_week_before,
        week_before.revenue as revenue_week_before,
        hours.revenue - week_before.revenue as revenue_change_week,
        round(
            100 * (hours.revenue - week_before.revenue) / nullif(abs(week_before.revenue), 0), 2
        ) as revenue_change_week_percent,
        sum(hours.revenue) over (
            partition by hours.currency
            order by hours.sales_hour
            range between interval '23 hours' preceding and current row
        ) as revenue_24_hours
    from hours
    left join hours day_before
        on day_before.sales_hour = hours.sales_hour - interval '24 hours'
        and day_before.currency = hours.currency
    left join hours week_before
        on week_before.sales_hour = hours.sales_hour - interval '168 hours'
        and week_before.currency = hours.currency

)

select * from final
