"""What servers must hold before a service starts: topics, bucket, roles, schema. Idempotent."""
