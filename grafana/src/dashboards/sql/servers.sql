-- What PostgreSQL says of itself to everybody, bi_reader included. Of a session of another role it
-- shows who and where, not the type: only sessions of clients have both a user and a database.

-- name: connections
select
  coalesce(usename, 'server') as "Role",
  count(*) as "Connections",
  max(rolconnlimit) as "Limit of the role"
from pg_stat_activity
left join pg_roles on rolname = usename
where datid is not null and usesysid is not null
group by usename
order by "Connections" desc

-- name: connections_used
select
  count(*)::numeric / current_setting('max_connections')::int as "Connections used"
from pg_stat_activity
where datid is not null and usesysid is not null

-- name: database_size
select pg_database_size(current_database()) as "Database"

-- name: table_sizes
select
  n.nspname || '.' || c.relname as "Table",
  greatest(c.reltuples, 0)::bigint as "Rows, about",
  pg_total_relation_size(c.oid) as "Size",
  s.n_dead_tup as "Dead rows",
  greatest(s.last_vacuum, s.last_autovacuum) as "Vacuumed"
from pg_class c
join pg_namespace n on n.oid = c.relnamespace
left join pg_stat_all_tables s on s.relid = c.oid
where c.relkind = 'r' and n.nspname in ('raw', 'ops', 'staging', 'marts')
order by "Size" desc
limit 25

-- name: statistics
select
  blks_hit::numeric / nullif(blks_hit + blks_read, 0) as "Cache hits",
  deadlocks as "Deadlocks",
  temp_bytes as "Temporary files",
  xact_rollback::numeric / nullif(xact_commit + xact_rollback, 0) as "Rolled back"
from pg_stat_database
where datname = current_database()
