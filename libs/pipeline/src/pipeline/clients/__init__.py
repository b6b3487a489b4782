"""Kafka, S3 and PostgreSQL: each a context manager for a client, each one for its errors.

The error managers are the edge of house rule 6: what heals by itself leaves them as Transient,
what nobody foresaw leaves them as it is.
"""
