-- What the exporter shows of the server: sessions of every role, with what they do. No row of data.
-- depends: 0008_reject_view

grant pg_read_all_stats to exporter;
