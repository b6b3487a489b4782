"""The loader's series, all on one screen."""

from prometheus_client import Counter, Gauge, Histogram

_SECONDS = (0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 30, 60, 300)
REASONS = (
    "not_json", "not_object", "empty", "tombstone", "missing_field", "bad_type", "bad_time",
    "bad_number", "too_precise", "amounts_disagree", "nul", "bad_utf8", "too_long",
    "duplicate_key", "unknown_version",
)  # fmt: skip

ROWS = Counter("salespipe_loader_rows_total", "Rows committed to raw.sales_events")
BYTES = Counter("salespipe_loader_bytes_total", "Plain bytes of files whose load was committed")
FILES = Counter("salespipe_loader_files_total", "Verdicts reached, by state", ["state"])
REJECTS = Counter("salespipe_loader_rejects_total", "Lines kept as rejects", ["reason"])
QUARANTINED = Counter("salespipe_loader_quarantined_total", "Files set aside", ["reason"])
SALVAGED = Counter("salespipe_loader_salvaged_total", "Lines that were read one at a time")
OVERLAPS = Counter("salespipe_loader_overlaps_total", "Files whose offsets were already loaded")
OVERWRITES = Counter("salespipe_loader_overwrites_total", "Loaded objects that were written anew")
MISSING = Counter("salespipe_loader_missing_objects_total", "Objects gone before they were read")
SKIPPED = Counter(
    "salespipe_loader_duplicates_skipped_total", "Hints and files whose rows were loaded before"
)
SWEPT = Counter(
    "salespipe_loader_sweep_recovered_total",
    "Objects that no notification told of; rises when events are lost",
)
MANIFESTS = Counter("salespipe_loader_manifests_total", "Batch manifests recorded")

COPY_SECONDS = Histogram(
    "salespipe_loader_copy_seconds",
    "One file into the warehouse: its turn, claim, commit",
    buckets=_SECONDS,
)
DECODE_SECONDS = Histogram(
    "salespipe_loader_decode_seconds",
    "Decoding and checking one file, or those that go together",
    buckets=_SECONDS,
)
OBJECT_TO_COMMIT = Histogram(
    "salespipe_loader_object_to_commit_seconds", "Object written to rows committed",
    buckets=_SECONDS,
)  # fmt: skip
EVENT_TO_COMMIT = Histogram(
    "salespipe_loader_event_to_commit_seconds", "Notification read to rows committed",
    buckets=_SECONDS,
)  # fmt: skip

BACKLOG_FILES = Gauge("salespipe_loader_backlog_files", "Objects waiting or in work")
OLDEST_UNLOADED = Gauge(
    "salespipe_loader_oldest_unloaded_seconds", "Age of the oldest object without a verdict"
)
GAPS = Gauge("salespipe_loader_gaps", "Holes between loaded offsets that nothing explains")
UNANNOUNCED = Gauge("salespipe_loader_unannounced_files", "Verdicts not yet announced")

for _reason in REASONS:
    REJECTS.labels(_reason)
for _state in ("loaded", "quarantined", "skipped_duplicate", "missing"):
    FILES.labels(_state)
