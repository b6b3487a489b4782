"""One dashboard a service, for whoever looks for a fault: what all share, then its own series."""

from dashboards import queries
from dashboards.model import Column, Dashboard, Panel, Prom, Row, Sql
from dashboards.panels import (
    ONE_IS_GOOD,
    ZERO_IS_GOOD,
    latency,
    lines,
    rate,
    runbook,
    stat,
    to,
)

SQL = queries.load("health")


def hourly(metric: str, *by: str) -> str:
    """How many in the last hour."""
    grouped = f" by ({', '.join(by)})" if by else ""
    return f"sum{grouped} (increase({metric}[1h]))"


def _process(service: str) -> tuple[Row, ...]:
    """What every service exports; the label is Prometheus's, given to each target."""
    own = f'{{service="{service}"}}'
    return (
        Row(
            4,
            (
                stat(
                    "Instances", "Processes whose /metrics answers.", runbook("ServiceAbsent"),
                    Prom(f"count(salespipe_build_info{own})", "up", now=True),
                    steps=ONE_IS_GOOD, empty="0", width=4,
                ),
                stat(
                    "Since the last turn", "Of the slowest instance's loop; idle turns count.",
                    runbook("LoopStuck"),
                    Prom(
                        f"time() - min(salespipe_last_progress_timestamp_seconds{own} > 0)",
                        "turn", now=True,
                    ),
                    unit="s", decimals=0, width=4,
                ),
                stat(
                    "Servers it can use", "1 while the server answers this service.",
                    runbook("DependencyDown"),
                    Prom(
                        f"min by (dependency) (salespipe_dependency_up{own})", "{{dependency}}",
                        now=True,
                    ),
                    steps=ONE_IS_GOOD, width=16,
                ),
            ),
        ),
        Row(
            7,
            (
                lines(
                    "Retries a second", "Failures that were tried again, by server and code.",
                    runbook("DependencyDown"),
                    Prom(
                        rate(f"salespipe_retries_total{own}", "dependency", "reason"),
                        "{{dependency}} {{reason}}",
                    ),
                    unit="eps",
                ),
                lines(
                    "Memory", "Resident, by instance.", to("servers", "Servers"),
                    Prom(f"process_resident_memory_bytes{own}", "{{instance}}"), unit="bytes",
                ),
                lines(
                    "CPU", "Cores in use, by instance.", to("servers", "Servers"),
                    Prom(f"rate(process_cpu_seconds_total{own}[$__rate_interval])", "{{instance}}"),
                    unit="none",
                ),
            ),
        ),
    )  # fmt: skip


def _dashboard(service: str, title: str, *rows: Row) -> Dashboard:
    return Dashboard(
        uid=f"service-{service}",
        title=title,
        description=f"What {service} exports, for whoever looks for a fault.",
        folder="services",
        rows=(*_process(service), *rows),
        since="now-3h",
        refresh="15s",
        links=(to("pipeline-health", "Pipeline health"),),
    )


_HEALTH = to("pipeline-health", "Pipeline health")
_SINK = to("service-s3-sink", "s3-sink")
_TRANSFORMER = to("service-transformer", "transformer")

GENERATOR = _dashboard(
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
                "Events asked for", "An hour, by setting or by POST /v1/rate.", _HEALTH,
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
                "Time of a batch", "From its first event to its manifest.", _HEALTH,
                *latency("salespipe_generator_batch_seconds"), unit="s",
            ),
        ),
    ),
    Row(
        8,
        (
            lines(
                "Batches in the last hour", "With a manifest, by what triggered them.", _HEALTH,
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

S3_SINK = _dashboard(
    "s3-sink", "s3-sink",
    Row(
        8,
        (
            lines(
                "Records a second", "Read from Kafka and published in objects.", _HEALTH,
                Prom(rate("salespipe_sink_records_in_total"), "read"),
                Prom(rate("salespipe_sink_records_out_total"), "published"), unit="eps",
            ),
            lines(
                "Bytes a second", "Values read, and stored bytes published.", _HEALTH,
                Prom(rate("salespipe_sink_in_bytes_total"), "read"),
                Prom(rate("salespipe_sink_out_bytes_total"), "stored"), unit="Bps",
            ),
            lines(
                "Objects and cuts a second", "Objects published; files cut, by reason.", _HEALTH,
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
                "Time of an upload", "One PUT that succeeded.", _HEALTH,
                *latency("salespipe_sink_put_seconds"), unit="s", width=6,
            ),
            lines(
                "Bytes held", "Read, compressed, in upload; by instance.", _HEALTH,
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

LOADER = _dashboard(
    "loader", "loader",
    Row(
        8,
        (
            lines(
                "Rows a second", "Committed to raw, and rejected.", _HEALTH,
                Prom(rate("salespipe_loader_rows_total"), "rows"),
                Prom(rate("salespipe_loader_rejects_total"), "rejected"), unit="eps", width=6,
            ),
            lines(
                "Bytes a second", "Plain bytes of loaded files.", _HEALTH,
                Prom(rate("salespipe_loader_bytes_total"), "bytes"), unit="Bps", width=6,
            ),
            lines(
                "Time of a file", "Decoding, and the transaction from claim to commit.", _HEALTH,
                *latency("salespipe_loader_decode_seconds", "decode"),
                *latency("salespipe_loader_copy_seconds", "transaction"), unit="s", width=6,
            ),
            lines(
                "Waiting", "Objects waiting or in work; verdicts not announced yet.",
                runbook("BacklogNotMoving"),
                Prom("max(salespipe_loader_backlog_files)", "objects"),
                Prom("max(salespipe_loader_unannounced_files)", "not announced"), width=6,
            ),
        ),
    ),
    Row(
        8,
        (
            lines(
                "Oldest object without a verdict", "Its age.", runbook("LagNotShrinking"),
                Prom("max(salespipe_loader_oldest_unloaded_seconds)", "oldest"), unit="s", width=6,
            ),
            lines(
                "Verdicts in the last hour", "By state; quarantined files by reason.",
                runbook("DeadLetters"),
                Prom(hourly("salespipe_loader_files_total", "state"), "{{state}}"),
                Prom(
                    hourly("salespipe_loader_quarantined_total", "reason"),
                    "quarantined: {{reason}}",
                ),
                Prom(hourly("salespipe_loader_manifests_total"), "manifests"), width=9,
            ),
            lines(
                "Rare, in the last hour", "What the listing found, repeats, overlaps, objects"
                " written anew or gone, lines read one at a time; holes that nothing explains.",
                runbook("NotificationsMissed"),
                Prom(hourly("salespipe_loader_sweep_recovered_total"), "found by listing"),
                Prom(hourly("salespipe_loader_duplicates_skipped_total"), "loaded before"),
                Prom(hourly("salespipe_loader_overlaps_total"), "overlaps"),
                Prom(hourly("salespipe_loader_overwrites_total"), "written anew"),
                Prom(hourly("salespipe_loader_missing_objects_total"), "gone"),
                Prom(hourly("salespipe_loader_salvaged_total"), "lines one at a time"),
                Prom("max(salespipe_loader_gaps)", "holes now"), width=9,
            ),
        ),
    ),
    Row(
        8,
        (
            Panel(
                "table", "Files by state", "All verdicts that stand.", runbook("DeadLetters"),
                (Sql(SQL["file_states"]),), width=12, empty="no file yet",
            ),
            Panel(
                "table", "Holes between loaded offsets", "And what explains them.",
                runbook("RecordsMissing"), (Sql(SQL["gaps"]),), width=12, empty="none",
            ),
        ),
    ),
)  # fmt: skip

TRANSFORMER = _dashboard(
    "transformer", "transformer",
    Row(
        4,
        (
            stat(
                "Active instance", "The replica that holds the writer's lock.",
                runbook("BacklogNotMoving"),
                Prom("sum(salespipe_transformer_lock_held)", "active", now=True),
                steps=ONE_IS_GOOD, width=4,
            ),
            stat(
                "Files waiting", "Loaded and not in the marts.", runbook("BacklogNotMoving"),
                Prom("max(salespipe_transformer_backlog_files)", "files", now=True), width=5,
            ),
            stat(
                "Oldest waits", "Since its rows were committed.", runbook("LagNotShrinking"),
                Prom("max(salespipe_transformer_oldest_pending_seconds)", "oldest", now=True),
                unit="s", decimals=0, width=5,
            ),
            stat(
                "Files held", "A test refused them; the others went on.", runbook("FilesHeld"),
                Prom("max(salespipe_transformer_held_files)", "held", now=True),
                steps=ZERO_IS_GOOD, width=5,
            ),
            stat(
                "Not announced", "Published runs that Kafka does not know yet.", _HEALTH,
                Prom("max(salespipe_transformer_unannounced_runs)", "runs", now=True), width=5,
            ),
        ),
    ),
    Row(
        8,
        (
            lines(
                "Latency", "One run, claimed to published; commit to marts, the oldest file of"
                " each run.",
                _HEALTH,
                *latency("salespipe_transformer_run_seconds", "run"),
                *latency("salespipe_transformer_file_to_mart_seconds", "file to mart"), unit="s",
            ),
            lines(
                "Runs in the last hour", "By how they ended.", runbook("DbtFailing"),
                Prom(hourly("salespipe_transformer_runs_total", "outcome"), "{{outcome}}"),
            ),
            lines(
                "Fact rows a second", "Written, and removed because a newer copy came.", _HEALTH,
                Prom(rate("salespipe_transformer_rows_total", "kind"), "{{kind}}"), unit="eps",
            ),
        ),
    ),
    Row(
        8,
        (
            lines(
                "Slowest nodes", "Mean seconds of the ten slowest models and tests.", _TRANSFORMER,
                Prom(
                    "topk(10, sum by (node)"
                    " (rate(salespipe_dbt_node_duration_seconds_sum[$__rate_interval]))"
                    " / sum by (node)"
                    " (rate(salespipe_dbt_node_duration_seconds_count[$__rate_interval])))",
                    "{{node}}",
                ),
                unit="s",
            ),
            lines(
                "Rows of a model's last run", "As dbt reports them.", _TRANSFORMER,
                Prom("max by (node) (salespipe_dbt_node_rows_affected) > 0", "{{node}}"),
            ),
            lines(
                "Failing tests in the last hour", "By test.", runbook("FilesHeld"),
                Prom(hourly("salespipe_dbt_test_failures_total", "node"), "{{node}}"),
            ),
        ),
    ),
    Row(
        8,
        (
            lines(
                "dbt's process", "Resident memory; the process is replaced above its limit.",
                _TRANSFORMER,
                Prom("salespipe_transformer_worker_rss_bytes", "{{instance}}"), unit="bytes",
                width=6,
            ),
            lines(
                "Replaced in the last hour", "dbt processes, by reason.", runbook("DbtFailing"),
                Prom(hourly("salespipe_transformer_worker_restarts_total", "reason"), "{{reason}}"),
                width=6,
            ),
            lines(
                "Standby", "How long a replica has waited for the lock.", _TRANSFORMER,
                Prom("salespipe_transformer_lock_wait_seconds", "{{instance}}"), unit="s", width=6,
            ),
            lines(
                "Parsing the project", "The last time it was read.", _TRANSFORMER,
                Prom("max(salespipe_dbt_parse_duration_seconds)", "parse"), unit="s", width=6,
            ),
        ),
    ),
    Row(
        9,
        (
            Panel(
                "table", "Runs", "The newest thirty.", runbook("DbtFailing"),
                (Sql(SQL["last_runs"]),), width=14, empty="no run yet",
                columns=(Column("Took", unit="s", decimals=2),),
            ),
            Panel(
                "table", "Files held", "What a failing test keeps out of the marts, and why.",
                runbook("FilesHeld"), (Sql(SQL["held"]),), width=10, empty="none",
            ),
        ),
    ),
)  # fmt: skip

DASHBOARDS = (GENERATOR, S3_SINK, LOADER, TRANSFORMER)
