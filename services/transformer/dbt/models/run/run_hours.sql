{{ config(materialized='view') }}
-- a view: few, and the planner knows run_cells
select distinct sales_hour from {{ ref('run_cells') }}
