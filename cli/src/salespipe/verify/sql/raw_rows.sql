-- Rows of raw, a file.
select file_id, count(*) as rows from raw.sales_events group by file_id
