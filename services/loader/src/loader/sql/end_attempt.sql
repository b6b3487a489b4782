-- The attempt ended without a verdict, but it did end.
insert into ops.load_attempt (target, bucket, key, etag, outcome) values ($1, $2, $3, $4, $5)
