"""What the generator exports."""

from dashboards.model import Prom, Row
from dashboards.panels import latency, lines, rate, runbook, stat, to
from dashboards.services.shared import HEALTH, hourly, of_service

_SINK = to("service-s3-sink", "s3-sink")
DASHBOARD = of_service(
    "generator", "generator",
    Row(
        4,
        (
            stat(
                "Windows behind", "Windows that are over and not published.",
                runbook("BatchesBehind"),
                Prom("max(salespipe_generator_backlog_windows)", "windows", now=True), width=6,
            ),
            stat(
                "Published until", "The end of the newest published window.",
                runbook("BatchesBehind"),
                Prom("max(salespipe_generator_covered_until_seconds) * 1000", "until", now=True),
                unit="dateTimeFromNow", width=6,
            ),
            stat(
                "Events asked for", "An hour, by setting or by POST /v1/rate.", HEALTH,
                Prom("max(salespipe_generator_rate_events_per_hour)", "an hour", now=True),
                width=6,
            ),
            stat(
                "Paused", "1 while the schedule stands still by request.",
                runbook("BatchesBehind"),
                Prom("max(salespipe_generator_paused)", "paused", now=True), width=6,
            ),
        ),
    ),
    Row(
        8,
        (
            lines(
                "Into Kafka", "Messages acknowledged and distinct events of whole batches.", _SINK,
                Prom(rate("salespipe_generator_messages_total"), "messages"),
                Prom(rate("salespipe_generator_events_total"), "events"), unit="eps",
            ),
            lines(
                "Bytes into Kafka", "Of the messages' values.", _SINK,
                Prom(rate("salespipe_generator_bytes_total"), "bytes"), unit="Bps",
            ),
            lines(
                "Time of a batch", "From its first event to its manifest.", HEALTH,
                *latency("salespipe_generator_batch_seconds"), unit="s",
            ),
        ),
    ),
    Row(
        8,
        (
            lines(
                "Batches in the last hour", "With a manifest, by what triggered them.", HEALTH,
                Prom(hourly("salespipe_generator_batches_total", "trigger"), "{{trigger}}"),
                width=12,
            ),
            lines(
                "Made difficult in the last hour", "Lines that a knob touched, by kind.",
                runbook("LinesRejected"),
                Prom(hourly("salespipe_generator_injected_total", "kind"), "{{kind}}"), width=12,
            ),
        ),
    ),
)  # fmt: skip
