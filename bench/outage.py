"""s3-sink with the store away under load: its memory, and that nothing is missing after.

    python bench/outage.py [--minutes 10] [--rate 20000] [--before 30]

Events keep coming in at the rate, the service runs, and after some seconds the store's process is
killed; it is started again when the minutes are over. Prints what the sink holds and takes in
memory (VmRSS, and its peak VmHWM) as it goes, then reads the bucket back: the objects must form one
gapless chain from the first offset to the log's end in every partition, and hold as many lines as
they say. Exits with 1 where they do not, or where the peak is over the bar. Servers of its own.
"""

import argparse
import asyncio
import re
import sys
import tempfile
import time
from dataclasses import dataclass
from pathlib import Path
from signal import SIGKILL

sys.path[0] = str(Path(__file__).parents[1] / "tests")

import httpx
from aiokafka import AIOKafkaProducer
from isal import isal_zlib

from pipeline.clients.s3 import s3_client
from pipeline.contracts import topics
from pipeline.contracts.objects import ObjectMetadata
from support.eventually import eventually
from support.outage import outage
from support.pipeline_env import PipelineEnv
from support.ready_sales import sales
from support.service_process import ServiceProcess
from support.stack import AS_INSTALLED, Stack, embedded_stack

PARTITIONS = 6
BATCH = 1000
OPEN_RECORDS = PARTITIONS * 100_000
BAR_MIB = 300
_EVERY = 15.0  # seconds between two lines of the report
_CATCH_UP = 600.0


@dataclass
class Sent:
    """What Kafka acknowledged, by partition."""

    counts: list[int]

    @property
    def total(self) -> int:
        return sum(self.counts)


async def feed(stack: Stack, topic: str, rate: int, sent: Sent, stop: asyncio.Event) -> None:
    """Ready batches at the rate, each partition in turn; what is late is made up for."""
    values = sales(60_000)
    producer = AIOKafkaProducer(
        bootstrap_servers=stack.kafka_bootstrap, compression_type="zstd", enable_idempotence=True,
        max_batch_size=512 << 10, linger_ms=0,
    )  # fmt: skip
    async with producer:
        begun, number = time.monotonic(), 0
        while not stop.is_set():
            early = begun + number * BATCH / rate - time.monotonic()
            if early > 0:
                await asyncio.sleep(early)
            batch, start = producer.create_batch(), number * BATCH % len(values)
            for value in values[start : start + BATCH]:
                batch.append(key=b"S017", value=value, timestamp=None)
            batch.close()
            partition = number % PARTITIONS
            await (await producer.send_batch(batch, topic, partition=partition))
            sent.counts[partition] += BATCH
            number += 1


def number(pattern: str, text: str) -> float:
    found = re.search(f"^{pattern}", text, re.MULTILINE)
    assert found, text
    return float(found[1])


def resident(pid: int) -> tuple[float, float]:
    """(VmRSS, VmHWM) in MiB."""
    status = Path(f"/proc/{pid}/status").read_text()
    return number(r"VmRSS:\s+(\d+)", status) / 1024, number(r"VmHWM:\s+(\d+)", status) / 1024


class Watched:
    """The service, as an operator sees it."""

    def __init__(self, service: ServiceProcess, sent: Sent) -> None:
        self._service = service
        self._sent = sent
        self._begun = time.monotonic()
        self._told = 0.0
        self.peak_mib = 0.0

    async def look(self, phase: str, *, tell: bool = False) -> int:
        """Reads its figures, tells them now and then; how many records are published."""
        now_mib, self.peak_mib = resident(self._service.pid)
        async with httpx.AsyncClient(timeout=10) as client:
            about = (await client.get(self._service.url)).json()
            series = (await client.get(f"{self._service.url}/metrics")).text
        published: int = sum(p["head"] for p in about["partitions"].values())
        held = number(r"salespipe_sink_buffer_bytes (\S+)", series)
        if tell or time.monotonic() - self._told >= _EVERY:
            self._told = time.monotonic()
            print(
                f"{self._told - self._begun:5.0f} s  {phase:13} sent {self._sent.total:>12,}"
                f"  published {published:>12,}  held {held / (1 << 20):5.1f} MiB"
                f"  resident {now_mib:4.0f} MiB  peak {self.peak_mib:4.0f} MiB",
                flush=True,
            )
        return published

    async def for_seconds(self, seconds: float, phase: str) -> None:
        end = time.monotonic() + seconds
        while time.monotonic() < end:
            await self.look(phase)
            await asyncio.sleep(1)


async def measure(minutes: float, rate: int, before: float) -> bool:
    sent, stop = Sent([0] * PARTITIONS), asyncio.Event()
    with embedded_stack(AS_INSTALLED) as stack, tempfile.TemporaryDirectory() as folder:
        env = PipelineEnv(stack)
        await env.create()
        service = ServiceProcess("s3-sink", env.env("s3-sink"), Path(folder) / "sink.log")
        await asyncio.to_thread(service.start)
        feeding = asyncio.create_task(feed(stack, env.topics[topics.EVENTS], rate, sent, stop))
        try:
            watched = Watched(service, sent)
            await watched.for_seconds(before, "before")
            with outage(stack, s3=SIGKILL):
                await watched.for_seconds(minutes * 60, "store away")
                await watched.look("store away", tell=True)
            back = time.monotonic()
            await eventually(lambda: caught_up(watched, sent), within=_CATCH_UP, every=1)
            print(f"caught up {time.monotonic() - back:.0f} s after the store was let start")
            stop.set()
            await feeding
            # what is open is cut by its age, a minute
            await eventually(lambda: caught_up(watched, sent, 0), within=120, every=1)
            await watched.look("all published", tell=True)
            code = await asyncio.to_thread(service.stop)
            assert code == 0, service.logs[-3000:]
        finally:
            feeding.cancel()
            if service.running:
                service.kill()
        covered = await cover(env, sent)
    within = watched.peak_mib < BAR_MIB
    print(
        f"store away for {minutes:g} min at {rate:,} events/s: {sent.total:,} sent,"
        f" {'all of them in the bucket, once' if covered else 'NOT all in the bucket'};"
        f" peak {watched.peak_mib:.0f} MiB (bar {BAR_MIB})"
    )
    return covered and within


async def caught_up(watched: Watched, sent: Sent, open_records: int = OPEN_RECORDS) -> bool:
    """Whether no more is unpublished than what may be open."""
    wanted = sent.total - open_records
    return await watched.look("store back") >= wanted


async def cover(env: PipelineEnv, sent: Sent) -> bool:
    """Whether the objects hold every offset once, and each as many lines as it says."""
    chains: dict[int, list[ObjectMetadata]] = {}
    true: bool = True
    async with s3_client(env.stack.s3_settings("admin", env.bucket)) as client:
        prefix = f"{env.topics[topics.EVENTS]}/"
        pages = client.get_paginator("list_objects_v2").paginate(Bucket=env.bucket, Prefix=prefix)
        async for page in pages:
            for item in page.get("Contents", ()):
                reply = await client.get_object(Bucket=env.bucket, Key=item["Key"])
                found = ObjectMetadata.from_headers(reply["Metadata"])
                assert found is not None, item["Key"]
                lines = isal_zlib.decompress(await reply["Body"].read(), 31).count(b"\n")
                true = true and lines == found.count == found.end - found.start
                chains.setdefault(found.partition, []).append(found)
    for partition, count in enumerate(sent.counts):
        at = 0
        for found in sorted(chains.get(partition, []), key=lambda o: o.start):
            true = true and found.start == at
            at = found.end
        true = true and at == count
    print(f"read back {sum(map(len, chains.values()))} objects")
    return true


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else None)
    parser.add_argument("--minutes", type=float, default=10)
    parser.add_argument("--rate", type=int, default=20_000)
    parser.add_argument("--before", type=float, default=30)
    given = parser.parse_args()
    sys.exit(not asyncio.run(measure(given.minutes, given.rate, given.before)))
