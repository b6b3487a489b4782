"""What the loader exports, and what the ledger says of it."""

from dashboards import queries
from dashboards.model import Panel, Prom, Row, Sql
from dashboards.panels import latency, lines, rate, runbook
from dashboards.services.shared import HEALTH, hourly, of_service

SQL = queries.load("health")
DASHBOARD = of_service(
    "loader", "loader",
    Row(
        8,
        (
            lines(
                "Rows a second", "Committed to raw, and rejected.", HEALTH,
                Prom(rate("salespipe_loader_rows_total"), "rows"),
                Prom(rate("salespipe_loader_rejects_total"), "rejected"), unit="eps", width=6,
            ),
            lines(
                "Bytes a second", "Plain bytes of loaded files.", HEALTH,
                Prom(rate("salespipe_loader_bytes_total"), "bytes"), unit="Bps", width=6,
            ),
            lines(
                "Time of a file", "Decoding, and the transaction from claim to commit.", HEALTH,
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
