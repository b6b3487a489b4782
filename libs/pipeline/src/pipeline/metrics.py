"""Series that every service exports; a service's own are in its metrics module."""

from prometheus_client import Counter, Gauge

# 1 while the service can use the server, 0 while it waits for it
DEPENDENCY_UP = Gauge("salespipe_dependency_up", "1 while the server answers", ["dependency"])

# wall clock of the last turn of the service's loop that ended; idle turns count
LAST_PROGRESS = Gauge(
    "salespipe_last_progress_timestamp_seconds", "Unix time of the last completed turn"
)

# failures that were tried again, by server and code
RETRIES = Counter("salespipe_retries_total", "Retried failures", ["dependency", "reason"])

# messages and files set aside, by reason code
DEAD_LETTERS = Counter("salespipe_dlq_records_total", "Dead letters sent", ["reason"])

# always 1; says which service and version runs here
BUILD_INFO = Gauge("salespipe_build_info", "Service and version", ["service", "version"])
