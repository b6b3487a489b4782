-- Which of these manifests the warehouse has.
select count(*) from ops.batch_manifest where batch_id = any($1)
