"""Names of the topics; kafka/topics.yaml holds how each is created (a test keeps them equal)."""

EVENTS = "sales_batch_topic"
MANIFESTS = "sales_batch_manifests"
S3_EVENTS = "s3_events"
FILES_LOADED = "sales_files_loaded"
MODELS_BUILT = "sales_models_built"
DLQ = "sales_batch_dlq"

ALL = (EVENTS, MANIFESTS, S3_EVENTS, FILES_LOADED, MODELS_BUILT, DLQ)
