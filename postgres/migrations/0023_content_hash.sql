-- depends: 0022_maintain_raw

set local role pipeline_owner;

comment on column ops.load_file.content_sha256 is
  'what tells a copy: the hash of the stored bytes of a file of the sink (of what it unpacks to, if an'
  ' older loader loaded it), of what it unpacks to of one dropped by hand';
