"""The sink's series, all on one screen."""

from prometheus_client import Counter, Gauge, Histogram

from s3_sink.cut import REASONS

_SECONDS = (0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 30, 60)

RECORDS_IN = Counter("salespipe_sink_records_in_total", "Records read from Kafka")
BYTES_IN = Counter("salespipe_sink_in_bytes_total", "Bytes of their values, once encoded")
RECORDS_OUT = Counter("salespipe_sink_records_out_total", "Lines and rows in published objects")
BYTES_OUT = Counter("salespipe_sink_out_bytes_total", "Stored bytes of published objects")
OBJECTS = Counter("salespipe_sink_objects_total", "Objects published")

CUTS = Counter("salespipe_sink_cuts_total", "Files cut, by reason", ["reason"])
PUT_SECONDS = Histogram("salespipe_sink_put_seconds", "One PUT that succeeded", buckets=_SECONDS)
CONFLICTS = Counter(
    "salespipe_sink_conflicts_total", "Another writer, or ourselves, was there first", ["code"]
)
FAST_FORWARDS = Counter(
    "salespipe_sink_fast_forward_total", "Times that another writer's object was gone on from"
)
RECOVERIES = Counter("salespipe_sink_recoveries_total", "Chain ends read from the bucket")
COMMIT_FAILURES = Counter(
    "salespipe_sink_commit_failures_total", "Commits that failed; none is a loss"
)
REBALANCES = Counter("salespipe_sink_rebalances_total", "Times that partitions were revoked")
GAPS = Counter("salespipe_sink_gaps_total", "Records that retention took before they were archived")
ALTERED = Counter("salespipe_sink_altered_values_total", "Values that are not a line as they came")
SKIPPED = Counter("salespipe_sink_skipped_tombstones_total", "Tombstones left out by setting")
REBUILDS = Counter(
    "salespipe_sink_consumer_rebuilds_total", "Consumers replaced for want of progress"
)

BUFFER_BYTES = Gauge("salespipe_sink_buffer_bytes", "Bytes held: read, compressed, in upload")
OPEN_BATCHES = Gauge("salespipe_sink_open_batches", "Files that are being filled")
LOG_END = Gauge(
    "salespipe_sink_log_end_offset", "Events that Kafka acknowledged, ever", ["partition"]
)
LAG_RECORDS = Gauge(
    "salespipe_sink_lag_records",
    "Records behind the log's end that are in no object",
    ["partition"],
)
LAG_SECONDS = Gauge("salespipe_sink_lag_seconds", "Age of the oldest record that is in no object")
STOPPED_PARTITIONS = Gauge("salespipe_sink_stopped_partitions", "Partitions that wait for a person")
LAST_PUBLISH = Gauge(
    "salespipe_sink_last_publish_timestamp_seconds", "Unix time of the last object", ["partition"]
)

for _reason in REASONS:
    CUTS.labels(_reason)
for _code in ("409", "412"):
    CONFLICTS.labels(_code)
