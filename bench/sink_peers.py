"""The sink beside what people would take instead, on the same topic, in one run.

    python bench/sink_peers.py [--events 500000] [--rounds 2]

Each round: a consumer that drops what it reads (the ceiling), ours, the usual script (aiokafka,
json, boto3) and quixstreams' file sink, as documented and with the least it can do; files of
50,000 events (ours: 100,000 or 60 s), gzip. All read from the beginning in a group of their own;
what a tool takes for a topic of FEW events (its start, joining the group) is taken off. What is in
the bucket is counted afterwards.
"""

import argparse
import asyncio
import gzip
import statistics
import sys
import tempfile
from collections import defaultdict
from dataclasses import dataclass
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]
# not this folder, which holds files that are named like packages; the root last, for bench.peers
sys.path[:1] = [str(ROOT / "tests")]
sys.path.append(str(ROOT))

from aiokafka.admin import AIOKafkaAdminClient, NewTopic

from bench.peers.place import Ended, Place, environment, run
from bench.sink import BATCH, PARTITIONS, fill, in_process
from pipeline.clients.s3 import s3_client
from pipeline.contracts import topics
from support import figures
from support.pipeline_env import PipelineEnv
from support.stack import AS_INSTALLED, embedded_stack

FEW = BATCH * PARTITIONS
DROP, OURS = "a consumer that drops", "ours"


@dataclass(frozen=True)
class Sink:
    name: str
    venv: str
    script: str
    way: str = ""


SINKS = (
    Sink("the usual script", "scripts", "script_files.py"),
    Sink("quixstreams, as documented", "quixstreams", "quix_files.py", "documented"),
    Sink("quixstreams, raw", "quixstreams", "quix_files.py", "raw"),
)


def place(env: PipelineEnv, sink: Sink, topic: str, events: int, number: str) -> Place:
    access, secret = env.stack.s3_keys("admin")
    return Place(
        endpoint=env.stack.s3_endpoint, key=access, secret=secret, bucket=env.bucket,
        prefix=f"peer{number}/", suffix=".json.gz", dsn=env.stack.kafka_bootstrap, schema="",
        table=topic, folder=f"peer-{number}", way=f"{sink.way} {events}".strip(),
    )  # fmt: skip


async def archived(env: PipelineEnv, prefix: str) -> int:
    """Lines in the objects there."""
    count = 0
    async with s3_client(env.stack.s3_settings("admin", env.bucket)) as client:
        pages = client.get_paginator("list_objects_v2").paginate(Bucket=env.bucket, Prefix=prefix)
        async for page in pages:
            for item in page.get("Contents", ()):
                got = await client.get_object(Bucket=env.bucket, Key=item["Key"])
                count += gzip.decompress(await got["Body"].read()).count(b"\n")
    return count


async def peer(env: PipelineEnv, sink: Sink, few: str, events: int, folder: Path) -> Ended | None:
    """Of the events that the other topic has more of."""
    bin_folder = environment(sink.venv)
    if bin_folder is None:
        return None
    python, script = str(bin_folder / "python"), str(ROOT / "bench" / "peers" / sink.script)
    ends = []
    for topic, count in ((few, FEW), (env.topics[topics.EVENTS], events)):
        told = place(env, sink, topic, count, folder.name + str(count))
        home, log = folder / topic, folder / "log"
        ended = await asyncio.to_thread(run, [python, script, told.json], home, log)
        found = await archived(env, told.prefix)
        if ended.code or found != count:
            said = ended.said.strip().splitlines()[-8:]
            print(f"{sink.name}: exit {ended.code}, {found} of {count} events", *said, sep="\n")
            return None
        ends.append(ended)
    start, whole = ends
    scale = events / (events - FEW)
    return Ended(
        0, (whole.seconds - start.seconds) * scale,
        (whole.cpu_seconds - start.cpu_seconds) * scale, whole.peak_mib, "",
    )  # fmt: skip


async def few_events(env: PipelineEnv) -> str:
    """A topic with a record batch in each partition."""
    name = f"few-{env.run}"
    admin = AIOKafkaAdminClient(bootstrap_servers=env.stack.kafka_bootstrap)
    await admin.start()
    await admin.create_topics([NewTopic(name, PARTITIONS, 1)])
    await admin.close()
    await fill(env.stack.kafka_bootstrap, name, FEW)
    return name


async def measure(
    env: PipelineEnv, events: int, rounds: int, folder: Path
) -> dict[str, list[Ended]]:
    topic = env.topics[topics.EVENTS]
    await fill(env.stack.kafka_bootstrap, topic, events)
    few = await few_events(env)
    found: dict[str, list[Ended]] = defaultdict(list)
    for number in range(1, rounds + 1):
        for name, role in ((DROP, "drop"), (OURS, "sink")):
            own = env.env("s3-sink") | {
                "SINK_GROUP_ID": f"bench-{number}", "SINK_PREFIX": f"round-{number}/",
            }  # fmt: skip
            took = await asyncio.to_thread(in_process, role, events, own, topic)
            found[name].append(Ended(0, took["seconds"], took["cpu"], took["mib"], ""))
        for place_number, sink in enumerate(SINKS):
            own_folder = folder / f"{number}_{place_number}_"
            own_folder.mkdir()
            ended = await peer(env, sink, few, events, own_folder)
            if ended is not None:
                found[sink.name].append(ended)
        print(f"round {number} of {rounds}", flush=True)
    return found


def show(found: dict[str, list[Ended]], events: int) -> None:
    ceiling = statistics.median(e.seconds for e in found[DROP])
    kept = {}
    for name, rounds in found.items():
        seconds = statistics.median(e.seconds for e in rounds)
        cpu = statistics.median(e.cpu_seconds for e in rounds) / events * 1e6
        mib = max(e.peak_mib for e in rounds)
        kept[name] = {
            "events_a_second": events / seconds, "ratio": ceiling / seconds,
            "cpu_seconds_a_million": cpu, "mib": mib,
        }  # fmt: skip
        print(
            f"{name:28} {events / seconds:10,.0f} events/s  {ceiling / seconds:5.2f} x"
            f"  {cpu:6.2f} CPU s/M  {mib:5,.0f} MiB"
        )
    figures.record("sink_peers", events=events, sinks=kept)


async def main(events: int, rounds: int) -> None:
    with embedded_stack(AS_INSTALLED) as stack, tempfile.TemporaryDirectory() as name:
        env = PipelineEnv(stack)
        await env.create()
        show(await measure(env, events, rounds, Path(name)), events)


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--events", type=int, default=500_000)
    parser.add_argument("--rounds", type=int, default=2)
    given = parser.parse_args()
    asyncio.run(main(given.events // FEW * FEW, given.rounds))
