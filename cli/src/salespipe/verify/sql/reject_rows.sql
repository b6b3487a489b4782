-- Rejected lines, a file.
select file_id, count(*) as rows from ops.load_reject group by file_id
