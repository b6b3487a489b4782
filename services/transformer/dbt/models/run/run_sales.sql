{{
    config(
        analyze=['is_winner', 'replaced_file_id', 'event_id'],
        pre_hook=['set local enable_nestloop = off', 'set local enable_seqscan = off']
    )
}}
-- the planner has no statistics of files that just came and expects one row of them: without the hook
-- it compares every repeat with every row (10,000 rows: 8.6 s instead of 0.2). What it cannot do
-- otherwise, the look-up per row at the end, stays a nested loop. Nor does it know that files lie
-- together, until somebody analyzes raw, and would read all of it for each look.
-- depends_on: {{ source('ops', 'transform_file') }}, {{ source('raw', 'sales_events') }}
{%- set run = run_context() %}

with files as not materialized (

    {% if is_incremental() %}
    {%- if run and run.tidy %}
    select * from ({{ sales_events(tidy=true) }}) events
    {%- else %}
    select * from {{ ref('stg_sales__events') }}
    {%- endif %}
    where {{ file_is_in('file_id', run.loaded if run else []) }}
    {% else %}
    select * from {{ ref('stg_sales__events') }}
    where file_id not in (
        select file_id from {{ source('ops', 'transform_file') }} where state = 'held'
    )
    {% endif %}

),

{% if run and run.superseded %}
-- a withdrawn copy may have hidden an older one, in a file that stays
uncovered as materialized (

    select * from {{ ref('stg_sales__events') }}
    where event_id in (
        select event_id from {{ published('fct_sales') }}
        where {{ file_is_in('file_id', run.superseded) }}
    )
    and file_id in (
        select file_id from {{ source('ops', 'transform_file') }}
        where state = 'done' and kind = 'loaded'
    )

),
{% endif %}

copies as not materialized (

    select * from files
    {% if run and run.superseded %}
    union all
    select * from uncovered
    {% endif %}

),

-- of the copies of an event the one in the newest file counts, there the last line: an order of the
-- rows themselves, so that it does not matter which run sees which copy first
repeated as materialized (

    select event_id from copies group by event_id having count(*) > 1

),

-- computed once: a planner without statistics would do it again for every row
hidden as materialized (

    select file_id, line_no
    from (
        select
            copies.file_id,
            copies.line_no,
            row_number() over (
                partition by event_id order by copies.file_id desc, copies.line_no desc
            ) as place
        from copies
        join repeated using (event_id)
    ) ordered
    where place > 1

),

{% if run %}
-- ids are made in the order of time, mostly: what comes after the last one need not be looked for
newest as (

    select event_id from {{ published('fct_sales') }} order by event_id desc limit 1

),
{% endif %}

ranked as (

    select copies.*, hidden.file_id is null as is_last_copy
    from copies
    left join hidden
        on hidden.file_id = copies.file_id
        and hidden.line_no = copies.line_no

)

-- what every model reads comes first, and of that what has a fixed width: a row is taken apart from
-- its beginning as far as is asked for
select
    sales_hour,
    sales_date,
    event_id,
    ranked.file_id,
    ranked.line_no,
    ranked.is_last_copy and (
        published.file_id is null
        or (ranked.file_id, ranked.line_no) > (published.file_id, published.line_no)
        {% if run and run.superseded %}
        or {{ file_is_in('published.file_id', run.superseded) }}
        {% endif %}
    ) as is_winner,
    is_return,
    occurred_at,
    product_id,
    region,
    currency,
    quantity,
    net_amount,
    discount_amount,
    batch_id,
    store_id,
    customer_id,
    published.file_id as replaced_file_id,
    product_name,
    category,
    transaction_id,
    line_number,
    event_type,
    channel,
    payment_method,
    unit_price
from ranked
{% if run %}
-- limit 1: an index look-up a row whatever the statistics say; a hash join reads the whole fact
left join lateral (
    select file_id, line_no
    from {{ published('fct_sales') }} fct
    where fct.event_id = ranked.event_id and ranked.is_last_copy
    and ranked.event_id <= (select event_id from newest)
    limit 1
) published on true
{% else %}
left join (select null::bigint as file_id, null::integer as line_no where false) published on true
{% endif %}
