"""What the s3-sink exports."""

from dashboards.model import Prom, Row
from dashboards.panels import latency, lines, rate, runbook
from dashboards.services.shared import HEALTH, hourly, of_service

DASHBOARD = of_service(
    "s3-sink", "s3-sink",
    Row(
        8,
        (
            lines(
                "Records a second", "Read from Kafka and published in objects.", HEALTH,
                Prom(rate("salespipe_sink_records_in_total"), "read"),
                Prom(rate("salespipe_sink_records_out_total"), "published"), unit="eps",
            ),
            lines(
                "Bytes a second", "Values read, and stored bytes published.", HEALTH,
                Prom(rate("salespipe_sink_in_bytes_total"), "read"),
                Prom(rate("salespipe_sink_out_bytes_total"), "stored"), unit="Bps",
            ),
            lines(
                "Objects and cuts a second", "Objects published; files cut, by reason.", HEALTH,
                Prom(rate("salespipe_sink_objects_total"), "objects"),
                Prom(rate("salespipe_sink_cuts_total", "reason"), "cut: {{reason}}"), unit="eps",
            ),
        ),
    ),
    Row(
        8,
        (
            lines(
                "Lag of each partition", "Events behind the log's end that are in no object.",
                runbook("LagNotShrinking"),
                Prom("max by (partition) (salespipe_sink_lag_records)", "{{partition}}"),
            ),
            lines(
                "Oldest event in no object", "Its age.", runbook("LagNotShrinking"),
                Prom("max(salespipe_sink_lag_seconds)", "oldest"), unit="s",
            ),
            lines(
                "Since the last object", "Of each partition.", runbook("BacklogNotMoving"),
                Prom(
                    "time() - max by (partition) (salespipe_sink_last_publish_timestamp_seconds)",
                    "{{partition}}",
                ),
                unit="s",
            ),
        ),
    ),
    Row(
        8,
        (
            lines(
                "Time of an upload", "One PUT that succeeded.", HEALTH,
                *latency("salespipe_sink_put_seconds"), unit="s", width=6,
            ),
            lines(
                "Bytes held", "Read, compressed, in upload; by instance.", HEALTH,
                Prom("salespipe_sink_buffer_bytes", "{{instance}}"), unit="bytes", width=6,
            ),
            lines(
                "Open files, stopped partitions", "Files being filled; partitions that wait for a"
                " person.",
                runbook("PartitionStopped"),
                Prom("sum(salespipe_sink_open_batches)", "open files"),
                Prom("sum(salespipe_sink_stopped_partitions)", "stopped"), width=6,
            ),
            lines(
                "Rare, in the last hour", "Another writer was first, chains read from the bucket,"
                " rebalances, consumers made anew, commits that failed: none is a loss. Gaps are.",
                runbook("RecordsMissing"),
                Prom(hourly("salespipe_sink_conflicts_total", "code"), "conflict {{code}}"),
                Prom(hourly("salespipe_sink_fast_forward_total"), "went on behind another"),
                Prom(hourly("salespipe_sink_recoveries_total"), "recovered"),
                Prom(hourly("salespipe_sink_rebalances_total"), "rebalanced"),
                Prom(hourly("salespipe_sink_consumer_rebuilds_total"), "consumer anew"),
                Prom(hourly("salespipe_sink_commit_failures_total"), "commit failed"),
                Prom(hourly("salespipe_sink_gaps_total"), "lost to retention"),
                Prom(hourly("salespipe_sink_altered_values_total"), "value altered"),
                Prom(hourly("salespipe_sink_skipped_tombstones_total"), "tombstone skipped"),
                width=6,
            ),
        ),
    ),
)  # fmt: skip
