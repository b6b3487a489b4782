"""The order in which an import's events are sent; a batch's manifest follows its last event."""

import asyncio
import time

from generator.imports.importer import Importer
from generator.imports.pacing import Pace
from generator.imports.publishing import Publisher
from pipeline.retry import wait


async def publish_in_file_order(importer: Importer, publisher: Publisher) -> None:
    """As fast as Kafka takes it; memory holds one chunk. A manifest follows each batch."""
    chunks, open_batch = iter(importer), ""
    while (events := await asyncio.to_thread(next, chunks, None)) is not None:
        if open_batch and events.batch_id != open_batch:
            await _close(importer, publisher, open_batch)
        open_batch = events.batch_id
        await publisher.send(zip(events.keys, events.values, strict=True))
    if open_batch:
        await _close(importer, publisher, open_batch)
    importer.outcome.published = True


async def publish_in_time_order(
    importer: Importer, publisher: Publisher, speed: float, stop: asyncio.Event
) -> None:
    """At the file's own pace × speed; the whole file is in memory, because it must be sorted."""
    chunks = await asyncio.to_thread(list, importer)
    lines = sorted(
        (
            (micros, key, value, events.batch_id)
            for events in chunks
            for micros, key, value in zip(events.micros, events.keys, events.values, strict=True)
        ),
        key=lambda line: line[0],
    )
    left = {batch_id: totals.events for batch_id, totals in importer.outcome.batches.items()}
    micros = [line[0] for line in lines]
    pace = Pace(speed, micros[0] if micros else 0, time.monotonic())
    sent = 0
    while sent < len(lines):
        due = pace.due(micros, time.monotonic())
        if due == sent:
            if await wait(stop, pace.wait(micros[sent], time.monotonic())):
                return
            continue
        part = lines[sent:due]
        await publisher.send((key, value) for _, key, value, _ in part)
        sent = due
        for _, _, _, batch_id in part:
            left[batch_id] -= 1
        for batch_id in [batch_id for batch_id, count in left.items() if count == 0]:
            await _close(importer, publisher, batch_id)
            del left[batch_id]
    importer.outcome.published = True


async def _close(importer: Importer, publisher: Publisher, batch_id: str) -> None:
    await publisher.flush()
    totals = importer.outcome.batches[batch_id]
    if totals.events:
        await publisher.announce(batch_id, totals)
