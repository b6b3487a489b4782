"""s3-sink: Kafka to object, gzip and PUT included, beside a getmany that drops the records.

    python bench/sink.py [--events 2000000] [--rounds 3]

Fills six partitions with sale events (lz4, the usual choice), then alternates: the sink
from its first poll to the last object durable, and a bare consumer of the same topic. Each run is a
process of its own, so CPU seconds and peak memory are its own. Prints the medians and their ratio.
Starts servers of its own and takes them away.
"""

import argparse
import asyncio
import json
import statistics
import subprocess
import sys
import time
from pathlib import Path

sys.path[0] = str(Path(__file__).parents[1] / "tests")

from aiokafka import AIOKafkaConsumer, AIOKafkaProducer, TopicPartition

from pipeline.contracts import topics
from pipeline.health import Health
from pipeline.settings import KafkaSettings, S3Settings, TopicSettings, load_all
from s3_sink.settings import SinkSettings
from s3_sink.worker import SinkWorker
from salespipe.settings import plain_environment
from support import figures
from support.pipeline_env import PipelineEnv
from support.ready_sales import sales
from support.stack import AS_INSTALLED, embedded_stack

PARTITIONS = 6
BATCH = 1000


async def fill(bootstrap: str, topic: str, events: int) -> None:
    values = sales(60_000)
    producer = AIOKafkaProducer(
        bootstrap_servers=bootstrap, compression_type="lz4", enable_idempotence=True,
        max_batch_size=512 << 10, linger_ms=0,
    )  # fmt: skip
    async with producer:
        acks = []
        for number in range(events // BATCH):
            start = number * BATCH % len(values)
            batch = producer.create_batch()
            for value in values[start : start + BATCH]:
                assert batch.append(key=b"S017", value=value, timestamp=None)
            batch.close()
            acks.append(await producer.send_batch(batch, topic, partition=number % PARTITIONS))
            if len(acks) == 64:
                await asyncio.gather(*acks)
                acks = []
        await asyncio.gather(*acks)


async def drop(bootstrap: str, topic: str) -> dict[str, float]:
    """The ceiling: getmany, nothing done with the records."""
    consumer = AIOKafkaConsumer(
        bootstrap_servers=bootstrap, auto_offset_reset="earliest", enable_auto_commit=False,
        isolation_level="read_committed", max_partition_fetch_bytes=1 << 20,
        fetch_max_bytes=16 << 20,
    )  # fmt: skip
    async with consumer:
        parts = [TopicPartition(topic, p) for p in range(PARTITIONS)]
        consumer.assign(parts)
        left = sum((await consumer.end_offsets(parts)).values())
        started, cpu = time.perf_counter(), time.process_time()
        while left:
            for records in (await consumer.getmany(timeout_ms=200, max_records=10_000)).values():
                left -= len(records)
        return {"seconds": time.perf_counter() - started, "cpu": time.process_time() - cpu}


async def sink(events: int) -> dict[str, float]:
    """The service itself, without its HTTP side; the clock starts at the first record's poll."""
    kafka, s3, names, settings = load_all(KafkaSettings, S3Settings, TopicSettings, SinkSettings)
    assert isinstance(kafka, KafkaSettings)
    assert isinstance(s3, S3Settings)
    assert isinstance(names, TopicSettings)
    assert isinstance(settings, SinkSettings)
    health = Health("kafka", "s3")
    worker = SinkWorker(kafka, s3, names, settings, health, drain_seconds=20)
    stop = asyncio.Event()
    running = asyncio.create_task(worker.run(stop))
    # watched from outside, as an operator would
    while len(worker.about()["partitions"]) < PARTITIONS and not running.done():  # noqa: ASYNC110
        await asyncio.sleep(0.002)
    started, cpu = time.perf_counter(), time.process_time()
    # what is open when everything is read is cut by the stop; partitions go when all is published
    while (partitions := worker.about()["partitions"]) and not running.done():
        if sum(p["head"] for p in partitions.values()) == events:
            break
        if sum(p["next"] for p in partitions.values()) == events:
            stop.set()
        await asyncio.sleep(0.01)
    spent = {"seconds": time.perf_counter() - started, "cpu": time.process_time() - cpu}
    stop.set()
    await running
    return spent


def in_process(role: str, events: int, env: dict[str, str], topic: str) -> dict[str, float]:
    done = subprocess.run(
        [sys.executable, __file__, "--role", role, "--events", str(events), "--topic", topic],
        env=plain_environment() | env, capture_output=True, text=True, timeout=600, check=False,
    )  # fmt: skip
    assert done.returncode == 0, done.stdout + done.stderr
    found: dict[str, float] = json.loads(done.stdout.splitlines()[-1])
    return found


async def measure(events: int, rounds: int) -> None:
    with embedded_stack(AS_INSTALLED) as stack:
        env = PipelineEnv(stack)
        await env.create()
        topic = env.topics[topics.EVENTS]
        await fill(stack.kafka_bootstrap, topic, events)
        results: dict[str, list[dict[str, float]]] = {"sink": [], "drop": []}
        for number in range(rounds):
            for role in ("drop", "sink"):
                own = env.env("s3-sink") | {
                    "SINK_GROUP_ID": f"bench-{number}", "SINK_PREFIX": f"round-{number}/",
                }  # fmt: skip
                found = await asyncio.to_thread(in_process, role, events, own, topic)
                results[role].append(found)
                print(
                    f"round {number + 1} {role}: {events / found['seconds']:,.0f} events/s,"
                    f" {found['cpu'] / events * 1e6:.2f} CPU s/M, {found['mib']:.0f} MiB",
                    flush=True,
                )
    median = {
        role: {name: statistics.median(f[name] for f in found) for name in found[0]}
        for role, found in results.items()
    }
    ours, theirs = median["sink"], median["drop"]
    print(
        f"sink {events / ours['seconds']:,.0f} events/s, getmany that drops"
        f" {events / theirs['seconds']:,.0f}: ratio {theirs['seconds'] / ours['seconds']:.2f}"
        f" (bar 2.5); {ours['cpu'] / events * 1e6:.2f} CPU s a million (bar 1.3);"
        f" peak {ours['mib']:.0f} MiB (bar 300)"
    )
    figures.record(
        "sink", events=events, events_a_second=events / ours["seconds"],
        ratio=theirs["seconds"] / ours["seconds"], bar=2.5,
        cpu_seconds_a_million=ours["cpu"] / events * 1e6, mib=ours["mib"],
    )  # fmt: skip


def one(role: str, events: int, topic: str) -> None:
    """In the process of its own: prints one line of JSON."""
    bootstrap = KafkaSettings().kafka_bootstrap_servers
    found = asyncio.run(sink(events) if role == "sink" else drop(bootstrap, topic))
    # not ru_maxrss: it begins with what the parent held when it forked
    status = Path("/proc/self/status").read_text()
    found["mib"] = int(status.split("VmHWM:")[1].split()[0]) / 1024
    print(json.dumps(found))


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else None)
    parser.add_argument("--events", type=int, default=2_000_000)
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--role", choices=("sink", "drop"), help=argparse.SUPPRESS)
    parser.add_argument("--topic", default="", help=argparse.SUPPRESS)
    given = parser.parse_args()
    if given.role:
        one(given.role, given.events, given.topic)
    else:
        asyncio.run(
            measure(given.events // (BATCH * PARTITIONS) * BATCH * PARTITIONS, given.rounds)
        )
