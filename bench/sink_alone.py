"""One side of bench/sink.py, in a process that loads what the service loads and no more.

    python bench/sink_alone.py {sink,drop} EVENTS TOPIC

Prints one line of JSON: seconds, CPU seconds, and the most memory it had (MiB).
"""

import asyncio
import json
import sys
import time
from pathlib import Path

# this folder would hide packages of the same name
del sys.path[0]

from aiokafka import AIOKafkaConsumer, TopicPartition

from pipeline.health import Health
from pipeline.settings import KafkaSettings, S3Settings, TopicSettings, load_all
from s3_sink.settings import SinkSettings
from s3_sink.worker import SinkWorker

PARTITIONS = 6


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


def one(role: str, events: int, topic: str) -> None:
    bootstrap = KafkaSettings().kafka_bootstrap_servers
    found = asyncio.run(sink(events) if role == "sink" else drop(bootstrap, topic))
    # not ru_maxrss: it begins with what the parent held when it forked
    status = Path("/proc/self/status").read_text()
    found["mib"] = int(status.split("VmHWM:")[1].split()[0]) / 1024
    print(json.dumps(found))


if __name__ == "__main__":
    one(sys.argv[1], int(sys.argv[2]), sys.argv[3])
