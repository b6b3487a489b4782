-- The number line of a partition in one life of its topic.
select stream_id
from ops.load_stream
where target = $1
  and topic = $2
  and topic_epoch = $3
  and part = $4
