-- The newest life of a topic.
select topic_epoch from ops.load_stream where topic = $1 order by stream_id desc limit 1
