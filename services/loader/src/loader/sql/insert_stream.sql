-- A new number line; nothing where another loader was first.
insert into ops.load_stream (target, topic, topic_epoch, part) values ($1, $2, $3, $4)
on conflict do nothing
