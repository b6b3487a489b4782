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
from pathlib import Path

sys.path[0] = str(Path(__file__).parents[1] / "tests")

from aiokafka import AIOKafkaProducer

from pipeline.contracts import topics
from salespipe.settings import plain_environment
from support import figures
from support.pipeline_env import PipelineEnv
from support.ready_sales import sales
from support.stack import AS_INSTALLED, embedded_stack

PARTITIONS = 6  # sink_alone.py asks for as many
BATCH = 1000
_ALONE = Path(__file__).with_name("sink_alone.py")


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


def in_process(role: str, events: int, env: dict[str, str], topic: str) -> dict[str, float]:
    done = subprocess.run(
        [sys.executable, str(_ALONE), role, str(events), topic],
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


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else None)
    parser.add_argument("--events", type=int, default=2_000_000)
    parser.add_argument("--rounds", type=int, default=3)
    given = parser.parse_args()
    asyncio.run(measure(given.events // (BATCH * PARTITIONS) * BATCH * PARTITIONS, given.rounds))
