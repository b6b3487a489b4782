{{ config(analyze=['file_id']) }}
-- the run's own files, those that lose a row to them, and those whose hidden copies come forward
select file_id from {{ ref('run_own_files') }}
union
select file_id from {{ ref('run_replaced') }}
union
select file_id from {{ ref('run_sales') }} where is_winner
