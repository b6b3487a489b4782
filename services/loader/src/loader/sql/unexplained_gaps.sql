-- Holes between loaded offsets that no quarantined or withdrawn file explains.
select count(*)
from ops.v_load_gaps
where target = $1
  and explained_by is null
