"""What this generator published, known from its manifests: where to go on."""

from typing import Any

from generator.windows import Coverage, window_of
from pipeline.contracts.messages import BatchManifest

# of a manifest's knobs: what asked for the batch; own: a stream beside the schedule's
TRIGGER, OWN_STREAM, CONFIGURED = "trigger", "own_stream", "configured"


class History:
    """Coverage of the schedule's stream, and every batch by its id."""

    def __init__(self) -> None:
        self.coverage = Coverage()
        self.batches: dict[str, dict[str, Any]] = {}
        self.origin: int | None = None
        self.last_knobs: dict[str, Any] = {}

    def add(self, manifest: BatchManifest) -> None:
        if manifest.producer != "generator":
            return
        self.batches[manifest.batch_id] = {
            "window_start": manifest.window_start.isoformat(),
            "window_end": manifest.window_end.isoformat(),
            "event_count": manifest.event_count,
            "message_count": manifest.message_count,
            "published_at": manifest.published_at.isoformat(),
        }
        if manifest.knobs.get(OWN_STREAM):
            return
        window = window_of(manifest.window_start, manifest.window_end)
        self.coverage.add(window)
        if manifest.knobs.get(TRIGGER) == "schedule":
            self.origin = window.start if self.origin is None else min(self.origin, window.start)
            self.last_knobs = manifest.knobs
