"""Generator: a deterministic batch into Kafka, beside aiokafka's send_batch of ready bytes.

    python bench/generator.py [--events 2000000] [--rounds 3] [--scenario default]

Both fill record batches of the same size, a store in one partition, by the same codec (zstd: ours
at level 1, theirs at 3, the only one that aiokafka's producer has), idempotent, as many under way,
in turn on the same broker; theirs sends the bytes of ours, made beforehand.
Prints the medians and their ratio, CPU seconds a million events, peak memory. Starts a Kafka of
its own and takes it away.
"""

import argparse
import asyncio
import resource
import statistics
import sys
import time
from collections import deque
from collections.abc import Callable, Coroutine
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

# not this folder: it would hide the package of the same name
sys.path[0] = str(Path(__file__).parents[1] / "tests")

from aiokafka import AIOKafkaProducer

from generator.batch import Batch, Chunk, Order
from generator.catalogue import catalogue
from generator.connected import connect
from generator.knobs import SCENARIOS
from generator.packing import partitions_of_stores
from generator.settings import GeneratorSettings
from generator.streams import Stream
from pipeline.clients.kafka import producer
from pipeline.settings import TopicSettings
from support import figures
from support.pipeline_env import PipelineEnv
from support.stack import AS_INSTALLED, embedded_stack

START = datetime(2026, 11, 23, 15, tzinfo=UTC)
BAR = 0.8
SETTINGS = GeneratorSettings()


def order(events: int, scenario: str, number: int) -> Order:
    """About so many events in ten minutes; each number is another stream."""
    stream = Stream(number, events * 6)
    return Order(f"b{number}", START, START + timedelta(minutes=10), stream, SCENARIOS[scenario])


def ready_lines(made: Order) -> list[Chunk]:
    return list(Batch(made))


async def send_ready(sender: AIOKafkaProducer, topic: str, chunks: list[Chunk]) -> int:
    """The ceiling: append until a record batch is full, send it, go on."""
    partitions = await sender.partitions_for(topic)
    of_store = partitions_of_stores(len(partitions)).tolist()
    keys = [store.store_id.encode() for store in catalogue().stores]
    open_batches = [sender.create_batch() for _ in partitions]
    under_way: deque[asyncio.Future[Any]] = deque()
    sent = 0

    async def send(partition: int) -> None:
        while len(under_way) >= SETTINGS.in_flight:
            await under_way.popleft()
        batch = open_batches[partition]
        under_way.append(await sender.send_batch(batch, topic, partition=partition))
        open_batches[partition] = sender.create_batch()

    for chunk in chunks:
        for store, value in zip(chunk.stores.tolist(), chunk.values, strict=True):
            key, partition = keys[store], of_store[store]
            if open_batches[partition].append(timestamp=None, key=key, value=value) is None:
                await send(partition)
                open_batches[partition].append(timestamp=None, key=key, value=value)
        sent += len(chunk.values)
    for partition in range(len(open_batches)):
        await send(partition)
    while under_way:
        await under_way.popleft()
    return sent


async def timed(work: Callable[[], Coroutine[Any, Any, int]]) -> tuple[float, float]:
    """Events a second, and CPU seconds of this process a million events."""
    began, cpu = time.perf_counter(), time.process_time()
    events = await work()
    seconds = time.perf_counter() - began
    return events / seconds, (time.process_time() - cpu) / events * 1e6


async def measure(env: PipelineEnv, events: int, rounds: int, scenario: str) -> None:
    kafka = env.stack.kafka_settings()
    topics = TopicSettings(
        topic_events=env.topics["sales_batch_topic"],
        topic_manifests=env.topics["sales_batch_manifests"],
    )
    rates: dict[str, list[float]] = {"ours": [], "ready": []}
    cpu: dict[str, list[float]] = {"ours": [], "ready": []}
    async with connect(kafka, topics, SETTINGS, close_seconds=5) as connected:

        async def ours(made: Order) -> int:
            manifest = await connected.publisher.publish(Batch(made), {})
            return manifest.message_count

        for number in range(rounds + 1):
            made = order(events if number else events // 10, scenario, number)
            found = await timed(lambda made=made: ours(made))  # type: ignore[misc]
            peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss // 1024
            if number == 1:
                print(f"peak RSS of the first round, before any bytes were held ready: {peak} MiB")
            chunks = ready_lines(made)
            async with producer(
                kafka, client_id="ready", linger_ms=0, max_batch_size=SETTINGS.batch_bytes,
                max_request_size=12 << 20, compression_type=SETTINGS.compression,
            ) as sender:  # fmt: skip
                theirs = await timed(
                    lambda s=sender, c=chunks: send_ready(s, topics.topic_events, c)  # type: ignore[misc]
                )
            del chunks
            if number:  # the first round warms up
                for name, (rate, seconds) in (("ours", found), ("ready", theirs)):
                    rates[name].append(rate)
                    cpu[name].append(seconds)
                print(
                    f"round {number}: generator {found[0]:,.0f} events/s ({found[1]:.2f} CPU s/M),"
                    f" ready bytes {theirs[0]:,.0f} ({theirs[1]:.2f})"
                )
    mine, ready = (statistics.median(rates[name]) for name in ("ours", "ready"))
    print(
        f"generator {mine:,.0f} events/s, {statistics.median(cpu['ours']):.2f} CPU s/M events;"
        f" send_batch of ready bytes {ready:,.0f}, {statistics.median(cpu['ready']):.2f}:"
        f" ratio {mine / ready:.2f} (bar {BAR})"
    )
    figures.record(
        "generator", events=events, events_a_second=mine, ratio=mine / ready, bar=BAR,
        cpu_seconds_a_million=statistics.median(cpu["ours"]),
    )  # fmt: skip


async def main(events: int, rounds: int, scenario: str) -> None:
    with embedded_stack(AS_INSTALLED) as stack:
        env = PipelineEnv(stack)
        await env.create()
        await measure(env, events, rounds, scenario)


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--events", type=int, default=2_000_000)
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--scenario", choices=sorted(SCENARIOS), default="default")
    arguments = parser.parse_args()
    asyncio.run(main(arguments.events, arguments.rounds, arguments.scenario))
