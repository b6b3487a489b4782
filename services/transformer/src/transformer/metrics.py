"""Every series of the transformer, its meaning beside its name."""

from prometheus_client import Counter, Gauge, Histogram

SECONDS = (0.1, 0.25, 0.5, 0.75, 1, 1.5, 2, 3, 5, 8, 13, 21, 34, 60, 120, 300)

# files that are loaded and not in the marts
BACKLOG_FILES = Gauge("salespipe_transformer_backlog_files", "Loaded files not yet transformed")

# age of the oldest of them; 0 when there is none
OLDEST_PENDING = Gauge("salespipe_transformer_oldest_pending_seconds", "Age of the oldest one")

# files that a test refused
HELD_FILES = Gauge("salespipe_transformer_held_files", "Files held back by a failing test")

# commit of a file's rows → commit of the marts that show them, the oldest file of each run
FILE_TO_MART = Histogram(
    "salespipe_transformer_file_to_mart_seconds", "Loaded to published", buckets=SECONDS
)

# one run: claimed → published
RUN_SECONDS = Histogram(
    "salespipe_transformer_run_seconds", "Claimed to published", buckets=SECONDS
)

# how runs ended: published, failed, abandoned
RUNS = Counter("salespipe_transformer_runs_total", "Runs by outcome", ["outcome"])

# fact rows written, and removed because a newer copy came or their file was withdrawn
ROWS = Counter("salespipe_transformer_rows_total", "Fact rows written", ["kind"])

# 1 in the replica that holds the writer's lock
LOCK_HELD = Gauge("salespipe_transformer_lock_held", "1 in the active replica")

# how long this replica has waited for the lock; 0 while it holds it
LOCK_WAIT = Gauge("salespipe_transformer_lock_wait_seconds", "Time as a standby")

WORKER_RSS = Gauge("salespipe_transformer_worker_rss_bytes", "Memory of the dbt process")
WORKER_RESTARTS = Counter(
    "salespipe_transformer_worker_restarts_total", "dbt processes replaced", ["reason"]
)

# announcements committed but not yet in Kafka
UNANNOUNCED = Gauge("salespipe_transformer_unannounced_runs", "Published runs not yet announced")

NODE_SECONDS = Histogram(
    "salespipe_dbt_node_duration_seconds", "Duration of a dbt node", ["node"], buckets=SECONDS
)
NODE_ROWS = Gauge("salespipe_dbt_node_rows_affected", "Rows of a node's last run", ["node"])
TEST_FAILURES = Counter("salespipe_dbt_test_failures_total", "Failing tests", ["node"])
PARSE_SECONDS = Gauge("salespipe_dbt_parse_duration_seconds", "The last parse of the project")

# newest event in the marts, and newest commit they contain
FRESHNESS = Gauge("salespipe_freshness_seconds", "Age of the newest data", ["layer"])

# events of the topic by where they are: loaded and rejected (with in flight they make up what was
# produced), and fact: distinct events in the marts, dropped files included
STAGE_ROWS = Gauge("salespipe_reconciliation_rows", "Events in a stage", ["stage"])

# rows that a pair of layers disagrees by, over batches that are complete; from manifest to raw:
# events of batches of the last day that have not come ten minutes later
RECONCILIATION = Gauge("salespipe_reconciliation_diff_rows", "Rows of difference", ["from", "to"])

for _outcome in ("published", "failed", "abandoned"):
    RUNS.labels(_outcome)
for _kind in ("written", "removed"):
    ROWS.labels(_kind)
for _reason in ("recycled", "died", "timeout", "reload"):
    WORKER_RESTARTS.labels(_reason)
