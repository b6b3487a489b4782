"""How throughput grows with size: events a batch, events in the topic, rows a file.

    python bench/sizes.py [--most 1000000]

The generator publishes batches of 10⁴ … --most events, the sink archives topics of so many, the
loader loads files of 10² … --most rows (a million at most; never fewer than TOTAL rows in all).
Medians of three; in build/bench.json, from which bench/plots.py draws.
"""

import argparse
import asyncio
import statistics
import sys
import time
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]
# not this folder, which holds files that are named like packages; the root last, for bench.sink
sys.path[:1] = [str(ROOT / "tests")]
sys.path.append(str(ROOT))

from aiokafka.admin import AIOKafkaAdminClient, NewTopic

from bench.generator import SETTINGS, order
from bench.sink import BATCH, PARTITIONS, fill, in_process
from generator.batch import Batch
from generator.connected import connect
from pipeline.contracts import topics
from pipeline.settings import TopicSettings
from support import figures
from support.loader_world import Bucket, Warehouse
from support.loads import empty, file_loader, load, make_table_for_psql
from support.pipeline_env import PipelineEnv
from support.sales_files import json_objects, sales
from support.stack import AS_INSTALLED, embedded_stack

TOTAL, ROUNDS = 20_000, 3
Curve = list[tuple[int, float]]  # (size, a second)


def decades(first: int, most: int) -> list[int]:
    """first, 10 x first … most."""
    found = []
    while first <= most:
        found.append(first)
        first *= 10
    return found


async def generator(env: PipelineEnv, most: int) -> Curve:
    names = TopicSettings(
        topic_events=env.topics[topics.EVENTS], topic_manifests=env.topics[topics.MANIFESTS]
    )
    curve: Curve = []
    async with connect(env.stack.kafka_settings(), names, SETTINGS, close_seconds=5) as connected:
        for size in decades(10_000, most):
            rates = []
            for number in range(ROUNDS + 1):
                made = Batch(order(size, "default", size + number))
                began = time.perf_counter()
                sent = (await connected.publisher.publish(made, {})).message_count
                rates.append(sent / (time.perf_counter() - began))
            curve.append((size, statistics.median(rates[1:])))  # the first warms up
            print(f"generator {size:10,} events  {curve[-1][1]:10,.0f}/s", flush=True)
    return curve


async def sink(env: PipelineEnv, most: int) -> Curve:
    curve: Curve = []
    admin = AIOKafkaAdminClient(bootstrap_servers=env.stack.kafka_bootstrap)
    await admin.start()
    for size in decades(10_000, most):
        events = max(1, size // (BATCH * PARTITIONS)) * BATCH * PARTITIONS
        topic = f"size-{size}-{env.run}"
        await admin.create_topics([NewTopic(topic, PARTITIONS, 1)])
        await fill(env.stack.kafka_bootstrap, topic, events)
        rates = []
        for number in range(ROUNDS):
            own = env.env("s3-sink") | {
                "SINK_GROUP_ID": f"size-{size}-{number}", "SINK_PREFIX": f"size-{number}/",
                "TOPIC_EVENTS": topic,
            }  # fmt: skip
            took = await asyncio.to_thread(in_process, "sink", events, own, topic)
            rates.append(events / took["seconds"])
        curve.append((events, statistics.median(rates)))
        print(f"sink      {size:10,} events  {curve[-1][1]:10,.0f}/s", flush=True)
    await admin.close()
    return curve


async def loader(env: PipelineEnv, most: int) -> Curve:
    lines = sales(max(most, TOTAL))
    curve: Curve = []
    async with Warehouse.of(env) as warehouse, Bucket.of(env) as bucket, file_loader(env) as files:
        await make_table_for_psql(warehouse.connection)
        for partition, size in enumerate(decades(100, most)):
            rows, rates = max(size, TOTAL), []
            made = json_objects(lines[:rows], size, partition)
            await bucket.put(*made)
            for _ in range(ROUNDS):
                await empty(warehouse.connection)
                began = time.perf_counter()
                await load(files, [item.key for item in made])
                rates.append(rows / (time.perf_counter() - began))
                assert await warehouse.count() == rows
            curve.append((size, statistics.median(rates)))
            print(f"loader    {size:10,} rows    {curve[-1][1]:10,.0f}/s", flush=True)
    return curve


async def main(most: int) -> None:
    with embedded_stack(AS_INSTALLED) as stack:
        env = PipelineEnv(stack)
        await env.create()
        found = {
            "generator": await generator(env, most),
            "sink": await sink(env, most),
            "loader": await loader(env, min(most, 1_000_000)),
        }
    figures.record("sizes", **found)


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--most", type=int, default=1_000_000)
    asyncio.run(main(parser.parse_args().most))
