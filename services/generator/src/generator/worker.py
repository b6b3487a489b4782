"""The generator's loop: read what was published, publish what is due, wait for the next boundary.

A batch is published when its manifest is acknowledged. Whatever happens before that, the whole
batch is published anew, with the same bytes and so the same event ids.
"""

import asyncio
import contextlib
import logging
import time
from collections.abc import AsyncIterator, Callable
from typing import Any

from generator import metrics
from generator.batch import Batch, Order
from generator.control import Asked, Control
from generator.history import History, read_history
from generator.publisher import Publisher
from generator.settings import GeneratorSettings
from generator.windows import Schedule, Window, at, first_origin, parse_duration
from pipeline.clients.kafka import kafka_errors, producer
from pipeline.contracts.messages import BatchManifest
from pipeline.health import Health
from pipeline.retry import Stopped, retry
from pipeline.settings import KafkaSettings, TopicSettings

_LOOK_SECONDS = 10.0  # the longest wait, so that the loop is seen to live
_CLOSE_SECONDS = 5.0
_REQUEST_BYTES = 12 * 1024 * 1024
log = logging.getLogger(__name__)


class GeneratorWorker:
    """step() publishes one batch, if one is due."""

    def __init__(
        self, kafka: KafkaSettings, topics: TopicSettings, settings: GeneratorSettings,
        health: Health, *, drain_seconds: float = 20.0, clock: Callable[[], float] = time.time,
    ) -> None:  # fmt: skip
        self._kafka, self._topics, self._settings = kafka, topics, settings
        self._health, self._clock, self._drain = health, clock, drain_seconds
        self.control = Control(settings)
        self.history: History | None = None
        self._schedule: Schedule | None = None
        self._publisher: Publisher | None = None
        self._wake = asyncio.Event()
        self._give_up_at: float | None = None
        self._current: tuple[str, Batch, float] | None = None
        self._done = 0

    async def run(self, stop: asyncio.Event) -> None:
        watch = asyncio.create_task(self._watch(stop))
        try:
            with contextlib.suppress(Stopped):
                await retry(
                    lambda: self._session(stop),
                    stop=stop,
                    on_retry=lambda error, _: self._lost(error),
                )
        finally:
            self._health.stopping()
            watch.cancel()

    def wake(self) -> None:
        """Something changed: look at once."""
        self._wake.set()

    async def step(self) -> bool:
        """Publish the oldest batch that is asked for or due; False when there is none."""
        history, schedule, now = self.history, self._schedule, self._clock()
        assert history is not None
        assert schedule is not None
        metrics.RATE.set(self.control.rate)
        metrics.PAUSED.set(self.control.paused)
        asked = self.control.next_asked(history.coverage)
        if asked is not None:
            await self._publish_asked(asked)
            return True
        metrics.BACKLOG.set(schedule.backlog(history.coverage, now))
        due = None if self.control.paused else schedule.due(history.coverage, now)
        if due is None:
            return False
        await self._publish(self.control.scheduled(due), "schedule", own_stream=False)
        return True

    def about(self) -> dict[str, Any]:
        control, history, schedule = self.control, self.history, self._schedule
        found: dict[str, Any] = {
            "doing": self._doing(), "schedule": self._settings.schedule,
            "seed": self._settings.seed, "rate": control.rate, "paused": control.paused,
            "scenario": control.scenario, "knobs": control.knobs.as_dict(),
        }  # fmt: skip
        if history is not None and schedule is not None:
            now = self._clock()
            found |= {
                "batches": len(history.batches),
                "backlog_windows": schedule.backlog(history.coverage, now),
                "published": [
                    {"from": at(w.start).isoformat(), "to": at(w.end).isoformat()}
                    for w in history.coverage.intervals[-20:]
                ],
                "next_at": at(schedule.next_boundary(now)).isoformat(),
            }
        return found

    def _doing(self) -> str:
        if self._current is not None:
            batch_id, batch, _ = self._current
            return f"publishing {batch_id}: {batch.totals.messages} messages so far"
        if self.history is None or self._schedule is None:
            return "connecting"
        backlog = self._schedule.backlog(self.history.coverage, self._clock())
        if self.control.paused:
            return f"paused; {backlog} windows wait"
        return f"backfill: {backlog} windows to go" if backlog else "waiting for the next boundary"

    async def _watch(self, stop: asyncio.Event) -> None:
        await stop.wait()
        # time to end a batch, and some to close in
        self._give_up_at = time.monotonic() + self._drain * 0.6
        self._health.stopping()
        self._wake.set()

    def _lost(self, error: Exception) -> None:
        self._health.down("kafka", str(error))
        self._health.progress()

    async def _session(self, stop: asyncio.Event) -> None:
        async with self._connected():
            while not stop.is_set():
                worked = await self.step()
                self._health.progress()
                if not worked:
                    await self._pause()

    @contextlib.asynccontextmanager
    async def _connected(self) -> AsyncIterator[None]:
        """History first: a manifest may have arrived whose acknowledgement did not."""
        self.history = await self._read_history()
        stack = contextlib.AsyncExitStack()
        try:
            sender = await stack.enter_async_context(
                producer(
                    self._kafka, client_id="generator", linger_ms=0,
                    max_batch_size=self._settings.batch_bytes, max_request_size=_REQUEST_BYTES,
                )
            )  # fmt: skip
            with kafka_errors():
                partitions = await sender.partitions_for(self._topics.topic_events)
            self._publisher = Publisher(
                sender, self._topics, len(partitions),
                in_flight=self._settings.in_flight, ack_seconds=self._settings.ack_seconds,
            )  # fmt: skip
            self._health.up("kafka", f"{len(partitions)} partitions")
            yield
        finally:
            # closing waits for acknowledgements that may never come
            with contextlib.suppress(TimeoutError):
                async with asyncio.timeout(_CLOSE_SECONDS):
                    await stack.aclose()

    async def _read_history(self) -> History:
        history = await read_history(self._kafka, self._topics.topic_manifests)
        if self.history is None:
            self.control.resume_from(history)
        interval = parse_duration(self._settings.schedule)
        if history.origin is not None:
            origin = history.origin
        elif self._schedule is not None:
            origin = self._schedule.origin
        else:
            origin = first_origin(self._clock(), interval, self._settings.backfill_hours)
        self._schedule = Schedule(interval, origin)
        log.info(
            "%d batches are published; going on after %s",
            len(history.batches), at(history.coverage.gap(origin)[0]).isoformat(),
        )  # fmt: skip
        return history

    async def _pause(self) -> None:
        assert self._schedule is not None
        now = self._clock()
        seconds = min(_LOOK_SECONDS, self._schedule.next_boundary(now) - now)
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(max(0.001, seconds)):
                await self._wake.wait()
        self._wake.clear()

    async def _publish_asked(self, asked: Asked) -> None:
        asked.state = "publishing"
        await self._publish(asked.order, "demand", own_stream=asked.own_stream)
        asked.state = "published"

    async def _publish(self, order: Order, trigger: str, *, own_stream: bool) -> None:
        assert self._publisher is not None
        assert self.history is not None
        batch, begun = Batch(order), time.monotonic()
        self._current = (order.batch_id, batch, begun)
        try:
            manifest = await self._publisher.publish(
                batch, self.control.in_manifest(trigger, own_stream), self._give_up
            )
        except BaseException:
            metrics.ABANDONED.inc()
            raise
        finally:
            self._current = None
        self.history.add(manifest)
        self._count(manifest, trigger, time.monotonic() - begun)

    def _give_up(self) -> bool:
        self._health.progress()
        return self._give_up_at is not None and time.monotonic() > self._give_up_at

    def _count(self, manifest: BatchManifest, trigger: str, seconds: float) -> None:
        assert self.history is not None
        assert self._schedule is not None
        metrics.BATCHES.labels(trigger).inc()
        metrics.BATCH_SECONDS.observe(seconds)
        metrics.EVENTS.inc(manifest.event_count)
        for kind, count in manifest.injected.items():
            metrics.INJECTED.labels(kind).inc(count)
        covered: list[Window] = self.history.coverage.intervals
        metrics.COVERED_UNTIL.set(covered[-1].end if covered else 0)
        log.info(
            "published %s: %d events in %.2f s; %d windows to go", manifest.batch_id,
            manifest.event_count, seconds,
            self._schedule.backlog(self.history.coverage, self._clock()),
        )  # fmt: skip
