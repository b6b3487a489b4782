"""The whole pipeline at a steady rate: does it keep up, and what does an event cost in each part?

    python bench/whole.py [--rate 20000] [--minutes 2]

Everything as it is installed but for files of five seconds at most (a minute is the default: the
lag would be that of files under way); the generator publishes each second's sales.
Every five seconds it is asked what is produced (log ends), loaded (the ledger) and in the marts
(the published runs). It is sustained where the generator is not late, what is not yet in the marts
does not grow over the second half, and `verify` agrees afterwards. Prints the lag as it goes, CPU
in µs an event for each service and server, peak memory, and the transformer's longest models.
"""

import argparse
import asyncio
import sys
import time
from dataclasses import dataclass
from pathlib import Path
from typing import Any

# not this folder: it would hide packages of the same name
sys.path[0] = str(Path(__file__).resolve().parents[1] / "tests")

import asyncpg
import numpy as np
from aiokafka import AIOKafkaConsumer, TopicPartition

from pipeline.contracts import topics
from support import figures
from support.command_line import Answer
from support.live_pipeline import LivePipeline, live_pipeline

PARTITIONS, LOOK = 6, 5.0
BAR = 100_000  # events a second
# what the lag may grow by, of the rate, and still be noise
STEADY = 0.02
PROGRESS = """
select
  (select coalesce(sum(rows_loaded), 0)::bigint from ops.load_file where state = 'loaded')
    as loaded,
  (select coalesce(sum(rows_new), 0)::bigint from ops.transform_run where state = 'published')
    as visible
"""
# what a run of the transformer spends its time on: at the beginning, at the end
NODES = """
with run as (
  select run_id, ntile(4) over (order by run_id) as quarter from ops.transform_run
  where state = 'published'
)
select node, avg(seconds) filter (where quarter = 1) as early,
  avg(seconds) filter (where quarter = 4) as late
from ops.node_result join run using (run_id) where quarter in (1, 4)
group by 1 order by 3 desc nulls last limit 5
"""


@dataclass(frozen=True)
class Sample:
    """Events so far."""

    at: float
    produced: int
    loaded: int
    visible: int

    @property
    def lag(self) -> int:
        return self.produced - self.visible


async def sample(consumer: AIOKafkaConsumer, topic: str, connection: asyncpg.Connection) -> Sample:
    ends = await consumer.end_offsets([TopicPartition(topic, p) for p in range(PARTITIONS)])
    row = await connection.fetchrow(PROGRESS)
    assert row is not None
    return Sample(time.monotonic(), sum(ends.values()), row["loaded"], row["visible"])


async def watch(live: LivePipeline, seconds: float) -> tuple[list[Sample], dict[str, int]]:
    """Samples, and the most memory of each service."""
    topic = live.own.topics[topics.EVENTS]
    connection = await live.connect()
    samples: list[Sample] = []
    peaks: dict[str, int] = {}
    consumer = AIOKafkaConsumer(bootstrap_servers=live.own.stack.kafka_bootstrap)
    async with consumer:
        begun = time.monotonic()
        while (now := time.monotonic()) < begun + seconds:
            found = await sample(consumer, topic, connection)
            samples.append(found)
            for name, resident in live.resident().items():
                peaks[name] = max(resident, peaks.get(name, 0))
            print(
                f"{now - begun:5.0f} s  produced {found.produced:12,}  loaded {found.loaded:12,}"
                f"  in the marts {found.visible:12,}  lag {found.lag:10,}",
                flush=True,
            )
            await asyncio.sleep(max(0.0, now + LOOK - time.monotonic()))
    await connection.close()
    return samples, peaks


@dataclass(frozen=True)
class Course:
    """A run as it went. cpu: seconds of each part; peaks: bytes; nodes: of NODES."""

    samples: list[Sample]
    cpu: dict[str, float]
    peaks: dict[str, int]
    nodes: list[tuple[Any, ...]]
    proof: Answer
    drained: float  # seconds from the last sale until verify had its answer

    @property
    def rates(self) -> dict[str, float]:
        """Events a second in the second half."""
        first, last = self.samples[len(self.samples) // 2], self.samples[-1]
        return {
            name: (getattr(last, name) - getattr(first, name)) / (last.at - first.at)
            for name in ("produced", "loaded", "visible")
        }

    @property
    def growth(self) -> float:
        """Events a second by which the lag grows over the second half."""
        late = self.samples[len(self.samples) // 2 :]
        slope, _ = np.polyfit([s.at for s in late], [s.lag for s in late], 1)
        return float(slope)

    @property
    def microseconds(self) -> dict[str, float]:
        """CPU an event, of those that a part has handled: three parts are ahead of the marts."""
        last = self.samples[-1]
        through = {"generator": last.produced, "s3-sink": last.produced, "kafka": last.produced}
        return {
            name: seconds / max(1, through.get(name, last.visible)) * 1e6
            for name, seconds in self.cpu.items()
        }

    def sustained(self, rate: int) -> bool:
        steady = self.rates["produced"] >= rate * 0.97 and self.growth < rate * STEADY
        return steady and self.proof.code == 0


async def course(rate: int, minutes: float) -> Course:
    async with live_pipeline() as live:
        live.start("s3-sink", SINK_MAX_AGE_SECONDS="5")
        for name in ("loader", "transformer"):
            live.start(name)
        live.start(
            "generator", GENERATOR_SCHEDULE="PT1S", GENERATOR_SCENARIO="load",
            GENERATOR_RATE=str(rate * 3600), GENERATOR_BACKFILL_HOURS="0",
        )  # fmt: skip
        before = live.cpu_seconds()
        samples, peaks = await watch(live, minutes * 60)
        after = live.cpu_seconds()
        live.services["generator"].stop()
        nodes = [tuple(row) for row in await (await live.connect()).fetch(NODES)]
        asked = time.monotonic()
        proof = await asyncio.to_thread(live.verify, 600)
        drained = time.monotonic() - asked
    used = {name: after[name] - before[name] for name in after}
    return Course(samples, used, peaks, nodes, proof, drained)


def show(found: Course, rate: int, minutes: float) -> None:
    last, kept_up = found.samples[-1], found.sustained(rate)
    for name, events in found.rates.items():
        print(f"{name:12} {events:10,.0f} events/s in the second half")
    for name, micros in found.microseconds.items():
        print(f"{name:12} {micros:6.2f} µs an event  peak {found.peaks.get(name, 0) >> 20:5} MiB")
    for node, early, late in found.nodes:
        print(f"{early or 0:6.2f} s in the first runs, {late or 0:.2f} s in the last: {node[:60]}")
    print(
        f"{rate:,} events/s for {minutes:g} min: lag {last.lag:,}, growing {found.growth:,.0f} a"
        f" second; verify exit {found.proof.code}, all there {found.drained:.0f} s after the last:"
        f" {'sustained' if kept_up else 'NOT sustained'} (bar {BAR:,} for 5 min)"
    )
    if found.proof.code:
        print(found.proof.out[-3000:], found.proof.err[-3000:])
    figures.record(
        "whole", rate=rate, nodes=found.nodes, minutes=minutes, rates=found.rates, lag=last.lag,
        growth=found.growth, microseconds=found.microseconds,
        mib={name: peak >> 20 for name, peak in found.peaks.items()},
        verify=found.proof.code, drained_seconds=found.drained, sustained=kept_up, bar=BAR,
    )  # fmt: skip


async def main(rate: int, minutes: float) -> bool:
    found = await course(rate, minutes)
    show(found, rate, minutes)
    return found.proof.code == 0


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--rate", type=int, default=20_000)
    parser.add_argument("--minutes", type=float, default=2)
    arguments = parser.parse_args()
    sys.exit(0 if asyncio.run(main(arguments.rate, arguments.minutes)) else 1)
