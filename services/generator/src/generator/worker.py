"""The generator's loop: read what was published, publish what is due, wait for the next boundary.

Of several replicas one publishes (see election); another that takes over reads first.

1  what is about to be sent is remembered (see intent)
2  the batch's events, acknowledged
3  its manifest, acknowledged: now it is published

Whatever happens between 1 and 3, the same batch is published anew, with the same bytes and so the
same event ids.
"""

import asyncio
import contextlib
import logging
import time
from collections.abc import Callable
from typing import Any

from generator import metrics
from generator.batch import Batch
from generator.connected import Connected, connect
from generator.control import Control
from generator.history import History
from generator.intent import Intent
from generator.manifest_log import ManifestLog
from generator.settings import GeneratorSettings
from generator.windows import Schedule, at, first_origin, parse_duration
from pipeline.contracts.messages import BatchManifest
from pipeline.errors import Transient
from pipeline.health import Health
from pipeline.retry import Stopped, retry, wait
from pipeline.settings import KafkaSettings, TopicSettings

_LOOK_SECONDS = 10.0  # the longest wait, so that the loop is seen to live
_PROBE_SECONDS = 2.0
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
        self._connected: Connected | None = None
        self._unfinished: Intent | None = None
        self._current: Batch | None = None
        self._took_over = False
        self._wake = asyncio.Event()

    async def run(self, stop: asyncio.Event) -> None:
        """What is not done in time after a stop is left: the next start finishes it."""
        try:
            async with asyncio.timeout(None) as deadline:
                watch = asyncio.create_task(self._watch(stop, deadline))
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
        except TimeoutError:
            if not deadline.expired():
                raise
            log.warning("left for the next start: what was being done")

    @property
    def active(self) -> bool:
        """This replica publishes: it was elected, and has read what is published."""
        return self._took_over and self._connected is not None and self._connected.election.active

    @property
    def stands_by(self) -> bool:
        return self._connected is not None and not self._connected.election.active

    def wake(self) -> None:
        """Something changed: look at once."""
        self._wake.set()

    async def step(self) -> bool:
        """Publish the oldest batch that is begun, asked for or due; False when there is none."""
        assert self.history is not None
        assert self._schedule is not None
        metrics.RATE.set(self.control.rate)
        metrics.PAUSED.set(self.control.paused)
        metrics.BACKLOG.set(self._backlog())
        intent, self._unfinished = self._unfinished or self._next(), None
        if intent is None:
            return False
        await self._publish(intent)
        return True

    def _next(self) -> Intent | None:
        assert self.history is not None
        assert self._schedule is not None
        if asked := self.control.next_asked(self.history):
            asked.state = "publishing"
            return self.control.asked_for(asked)
        if self.control.paused:
            return None
        due = self._schedule.due(self.history.coverage, self._clock())
        return self.control.scheduled(due) if due else None

    def about(self) -> dict[str, Any]:
        control, history, schedule = self.control, self.history, self._schedule
        found: dict[str, Any] = {
            "role": "active" if self.active else "standby",
            "doing": self._doing(), "schedule": self._settings.schedule,
            "seed": self._settings.seed, "rate": control.rate, "paused": control.paused,
            "scenario": control.scenario, "knobs": control.knobs.as_dict(),
        }  # fmt: skip
        if history is not None and schedule is not None:
            found |= {
                "batches": len(history.batches),
                "backlog_windows": self._backlog(),
                "published": [
                    {"from": at(w.start).isoformat(), "to": at(w.end).isoformat()}
                    for w in history.coverage.intervals[-20:]
                ],
                "next_at": at(schedule.next_boundary(self._clock())).isoformat(),
            }
        return found

    def _doing(self) -> str:
        if self.stands_by:
            return "standing by: another replica publishes"
        if self.history is None or self._schedule is None:
            return "connecting"
        backlog = self._backlog()
        if self._current is not None:
            batch_id, sent = self._current.order.batch_id, self._current.totals.messages
            return f"publishing {batch_id}: {sent} messages so far; {backlog} windows to go"
        if self.control.paused:
            return f"paused; {backlog} windows wait"
        return f"backfill: {backlog} windows to go" if backlog else "waiting for the next boundary"

    def _backlog(self) -> int:
        assert self.history is not None
        assert self._schedule is not None
        return self._schedule.backlog(self.history.coverage, self._clock())

    async def _watch(self, stop: asyncio.Event, deadline: asyncio.Timeout) -> None:
        await stop.wait()
        # time to end a batch, and some to close in
        deadline.reschedule(asyncio.get_running_loop().time() + self._drain * 0.5)
        self._health.stopping()
        self._wake.set()

    def _lost(self, error: Exception) -> None:
        self._health.down("kafka", str(error))
        self._health.progress()

    async def _session(self, stop: asyncio.Event) -> None:
        async with connect(
            self._kafka, self._topics, self._settings, close_seconds=self._drain * 0.25
        ) as connected:
            self._connected, self._took_over = connected, False
            if connected.election.active:
                await self._take_over(connected)
            self._health.up("kafka", f"{connected.partitions} partitions")
            probe = asyncio.create_task(self._probe(connected.log, stop))
            try:
                while not stop.is_set():
                    worked = await self._turn(connected)
                    self._health.progress()
                    if not worked:
                        await self._pause(connected.election.changed)
                    connected.election.check()
                    if probe.done():
                        probe.result()
            finally:
                probe.cancel()

    async def _turn(self, connected: Connected) -> bool:
        """False when there is nothing to do now."""
        connected.election.changed.clear()
        if not connected.election.active:
            self._took_over = False
            metrics.BACKLOG.set(0)  # it is the active replica's
            return False
        if not self._took_over:
            await self._take_over(connected)
        return await self.step()

    async def _take_over(self, connected: Connected) -> None:
        await self._remember(connected.log)
        self._took_over = True

    async def _probe(self, remembered: ManifestLog, stop: asyncio.Event) -> None:
        """A server that went away is said in /readyz before the next batch is due."""
        while not await wait(stop, _PROBE_SECONDS):
            try:
                await remembered.probe()
            except Transient as error:
                self._health.down("kafka", f"no answer: {error}")
            else:
                self._health.up("kafka")

    async def _remember(self, remembered: ManifestLog) -> None:
        """Where to go on: behind the manifests, after what is under way."""
        history, intent = await remembered.history(), await remembered.intended()
        if intent is not None and not _may_finish(intent, history):
            intent = None
        scheduled = intent if intent is not None and intent.trigger == "schedule" else None
        if self.history is None:
            self.control.resume_from(scheduled.knobs if scheduled else history.last_knobs)
        self.history, self._unfinished = history, intent
        interval = parse_duration(self._settings.schedule)
        if history.origin is not None:
            origin = history.origin
        elif self._schedule is not None:
            origin = self._schedule.origin
        elif scheduled is not None:
            origin = scheduled.window.start
        else:
            origin = first_origin(self._clock(), interval, self._settings.backfill_hours)
        self._schedule = Schedule(interval, origin)
        log.info(
            "%d batches are published; going on after %s%s",
            len(history.batches), at(history.coverage.gap(origin)[0]).isoformat(),
            f"; {intent.order.batch_id} was under way" if intent else "",
        )  # fmt: skip

    async def _pause(self, elected: asyncio.Event) -> None:
        now, seconds = self._clock(), _LOOK_SECONDS
        if self.active and self._schedule is not None:
            seconds = min(seconds, self._schedule.next_boundary(now) - now)
        waits = [asyncio.create_task(event.wait()) for event in (self._wake, elected)]
        await asyncio.wait(waits, timeout=max(0.001, seconds), return_when=asyncio.FIRST_COMPLETED)
        for task in waits:
            task.cancel()
        self._wake.clear()

    async def _publish(self, intent: Intent) -> None:
        assert self._connected is not None
        assert self.history is not None
        begun = time.monotonic()
        await self._connected.log.intend(intent)
        self._current = batch = Batch(intent.order)
        try:
            manifest = await self._connected.publisher.publish(
                batch, intent.knobs, self._health.progress
            )
        finally:
            self._current = None
        self.history.add(manifest)
        self._count(manifest, intent.trigger, time.monotonic() - begun)

    def _count(self, manifest: BatchManifest, trigger: str, seconds: float) -> None:
        assert self.history is not None
        metrics.BATCHES.labels(trigger).inc()
        metrics.BATCH_SECONDS.observe(seconds)
        metrics.EVENTS.inc(manifest.event_count)
        for kind, count in manifest.injected.items():
            metrics.INJECTED.labels(kind).inc(count)
        covered = self.history.coverage.intervals
        metrics.COVERED_UNTIL.set(covered[-1].end if covered else 0)
        log.info(
            "published %s: %d events in %.2f s; %d windows to go", manifest.batch_id,
            manifest.event_count, seconds, self._backlog(),
        )  # fmt: skip


def _may_finish(intent: Intent, history: History) -> bool:
    """Not where it is published, and not where its window is."""
    if intent.order.batch_id in history.batches:
        return False
    return intent.own_stream or not history.coverage.overlaps(intent.window)
