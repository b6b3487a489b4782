"""Every series of the generator."""

from prometheus_client import Counter, Gauge, Histogram

MESSAGES = Counter("salespipe_generator_messages_total", "Messages acknowledged by Kafka.")
BYTES = Counter("salespipe_generator_bytes_total", "Bytes of their values.")
EVENTS = Counter(
    "salespipe_generator_events_total", "Distinct well-formed events of published batches."
)
INJECTED = Counter(
    "salespipe_generator_injected_total", "Lines that a knob touched, by kind.", ["kind"]
)
BATCHES = Counter("salespipe_generator_batches_total", "Batches with a manifest.", ["trigger"])
BATCH_SECONDS = Histogram(
    "salespipe_generator_batch_seconds",
    "From a batch's first event to its manifest.",
    buckets=(0.01, 0.03, 0.1, 0.3, 1, 3, 10, 30, 100, 300),
)
BACKLOG = Gauge("salespipe_generator_backlog_windows", "Windows that are over and not published.")
COVERED_UNTIL = Gauge(
    "salespipe_generator_covered_until_seconds", "End of the newest published window, epoch time."
)
RATE = Gauge("salespipe_generator_rate_events_per_hour", "Events an hour that are asked for.")
PAUSED = Gauge("salespipe_generator_paused", "1 while the schedule is paused.")

for _kind in (
    "late", "returns", "odd", "duplicates", "malformed", "discarded", "out_of_order",
    "next_schema", "extra_fields",
):  # fmt: skip
    INJECTED.labels(_kind)
for _trigger in ("schedule", "demand"):
    BATCHES.labels(_trigger)
