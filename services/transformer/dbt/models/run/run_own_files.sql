{{ config(materialized='view') }}
-- a view, so that a run need not build it: it is read before the publication marks the run
select file_id
from {{ source('ops', 'transform_file') }}
where state = 'claimed'
