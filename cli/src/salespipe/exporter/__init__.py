"""What Kafka and PostgreSQL say of themselves, as Prometheus wants it: a container of its own.

Kafka's image exports nothing over HTTP (JMX would need an agent inside it), PostgreSQL nothing at
all. What alerts and panels ask of them is a handful of figures, so no general exporter is shipped.
"""
