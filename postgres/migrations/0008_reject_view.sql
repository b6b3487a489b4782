-- Why a line is not in the marts, asked by file or by reason.
-- depends: 0007_grants

set local role pipeline_owner;

-- one row a rejected line of a loaded file; record_offset where the file has a line an offset
create view ops.v_rejects as
select
  r.file_id,
  f.key,
  r.line_no,
  f.topic,
  f.part,
  case
    when f.rows_in_file = f.end_offset - f.start_offset then f.start_offset + r.line_no - 1
  end as record_offset,
  r.reason,
  r.column_name,
  r.code,
  left(r.raw, 2000) as raw,
  r.state,
  r.at
from ops.load_reject r
join ops.load_file f
  on f.file_id = r.file_id
where f.state = 'loaded';

grant select on ops.v_rejects to loader, transformer, bi_reader, exporter;
