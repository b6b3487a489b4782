"""How soon an acknowledged event is in the marts, at a steady rate.

    python bench/fresh.py [--rate 5000] [--seconds 60]

Sink (a file a second from each partition), loader and transformer as processes; this one sends
--rate events a second in small record batches, as shops do, for --seconds after ten to warm up.

An event's clock starts at the time that its acknowledgement carries (the broker's, of the same
machine) and stops when a session of PostgreSQL that looks every 20 ms sees the run published that
took its file: fact, marts and ledger are one transaction. So a figure is late by 20 ms and one
query at most, and never early. Which file holds an offset, and which run took the file, say the
ledgers, afterwards. `verify` must agree at the end.
"""

import argparse
import asyncio
import contextlib
import secrets
import sys
import time
from collections.abc import AsyncIterator
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from random import Random
from typing import Any

# not this folder: it would hide packages of the same name
sys.path[0] = str(Path(__file__).resolve().parents[1] / "tests")

import asyncpg
import numpy as np
from aiokafka import AIOKafkaProducer

from pipeline.contracts import topics
from support import figures
from support.live_pipeline import LivePipeline, live_pipeline

BAR = 5.0  # seconds, p95
PARTITIONS, STORES, PRODUCTS = 6, 120, 4000
TICK, LOOK = 0.05, 0.02
WARM_UP = 10.0
SERVICES = {"s3-sink": {"SINK_MAX_AGE_SECONDS": "1"}, "loader": {}, "transformer": {}}
SEEN = "select run_id from ops.transform_run where state = 'published' and run_id > $1"
FILES = """
select (lower(span) >> 48)::int as stream, lower(span) & ((1::bigint << 48) - 1) as start,
  upper(span) - lower(span) as count, extract(epoch from f.committed_at)::float8 as committed,
  t.run_id
from ops.load_range join ops.load_file f using (file_id) join ops.transform_file t using (file_id)
where active and t.state = 'done'
"""
EVENT = (
    '{"schema_version":1,"event_id":"%s","event_type":"sale","batch_id":null,'
    '"transaction_id":"T-%012d","line_number":1,"occurred_at":"%s","store_id":"S%03d",'
    '"region":"West","channel":"store","customer_id":"C%07d","product_id":"P%05d",'
    '"product_name":"Olive oil 1 l","category":"Groceries","quantity":%d,"unit_price":12.50,'
    '"discount_amount":0.00,"net_amount":%d.50,"currency":"USD","payment_method":"card"}'
)


@dataclass
class Sender:
    """Sends on time; remembers when the broker took which offsets."""

    topic: str
    rate: float
    random: Random = field(default_factory=lambda: Random(1))
    # (partition, first offset, events, seconds since the epoch)
    acknowledged: list[tuple[int, int, int, float]] = field(default_factory=list)
    sent: int = 0

    def events(self, count: int) -> dict[int, list[bytes]]:
        """By partition; ids are ordered by time."""
        now, r = datetime.now(UTC), self.random
        millis, at = int(now.timestamp() * 1000), now.isoformat(timespec="milliseconds")
        found: dict[int, list[bytes]] = {}
        for _ in range(count):
            self.sent += 1
            tail = f"7{self.sent & 0xFFF:03x}-8000-{secrets.token_hex(6)}"
            head = f"{millis:012x}"
            store, odd = r.randrange(STORES), r.choice((1, 3, 5))
            event = EVENT % (
                f"{head[:8]}-{head[8:]}-{tail}", self.sent, at, store, r.randrange(99_999),
                r.randrange(PRODUCTS), odd, odd * 12 + odd // 2,
            )  # fmt: skip
            found.setdefault(store % PARTITIONS, []).append(event.encode())
        return found

    async def run(self, producer: AIOKafkaProducer, seconds: float) -> None:
        due, end = time.monotonic(), time.monotonic() + seconds
        async with asyncio.TaskGroup() as sends:
            while due < end:
                for part, values in self.events(round(self.rate * TICK)).items():
                    sends.create_task(self.send(producer, part, values))
                due += TICK
                await asyncio.sleep(max(0.0, due - time.monotonic()))

    async def send(self, producer: AIOKafkaProducer, part: int, values: list[bytes]) -> None:
        batch = producer.create_batch()
        for value in values:
            assert batch.append(key=b"S", value=value, timestamp=None)
        taken = await (await producer.send_batch(batch, self.topic, partition=part))
        self.acknowledged.append((part, taken.offset, len(values), taken.timestamp / 1000))


@contextlib.asynccontextmanager
async def watched_runs(connection: asyncpg.Connection) -> AsyncIterator[dict[int, float]]:
    """When each run was first seen published, while the block lasts."""
    seen: dict[int, float] = {}

    async def look() -> None:
        while True:
            found = await connection.fetch(SEEN, max(seen, default=0))
            seen.update((row["run_id"], time.time()) for row in found)
            await asyncio.sleep(LOOK)

    looking = asyncio.create_task(look())
    try:
        yield seen
        assert not looking.done(), looking.exception()
    finally:
        looking.cancel()


async def ages(
    connection: asyncpg.Connection, sender: Sender, seen: dict[int, float], since: float
) -> tuple[np.ndarray[Any, Any], np.ndarray[Any, Any]]:
    """(n,) float64 twice: seconds from acknowledged to loaded, and to seen in the marts."""
    parts = {
        row["stream_id"]: row["part"]
        for row in await connection.fetch("select stream_id, part from ops.load_stream")
    }
    ends = [
        max((o + n for p, o, n, _ in sender.acknowledged if p == part), default=0)
        for part in range(PARTITIONS)
    ]
    taken, loaded, visible = ([np.full(end, np.nan) for end in ends] for _ in range(3))
    for part, offset, count, at in sender.acknowledged:
        taken[part][offset : offset + count] = at
    for row in await connection.fetch(FILES):
        where = slice(row["start"], row["start"] + row["count"])
        loaded[parts[row["stream"]]][where] = row["committed"]
        visible[parts[row["stream"]]][where] = seen[row["run_id"]]
    sent, raw, mart = (np.concatenate(found) for found in (taken, loaded, visible))
    assert not np.isnan(mart).any(), "an event is in no file that a run took"
    counted = sent >= since
    return (raw - sent)[counted], (mart - sent)[counted]


async def steady(live: LivePipeline, rate: float, seconds: float) -> tuple[Any, Any, int]:
    for name, env in SERVICES.items():
        live.start(name, **env)
    sender = Sender(live.own.topics[topics.EVENTS], rate)
    connection = await live.connect()
    producer = AIOKafkaProducer(
        bootstrap_servers=live.own.stack.kafka_bootstrap, enable_idempotence=True, linger_ms=0,
        max_batch_size=512 << 10,
    )  # fmt: skip
    async with producer, watched_runs(connection) as seen:
        await sender.run(producer, WARM_UP)
        since = time.time()
        await sender.run(producer, seconds)
        print(f"{sender.sent:,} events sent, {len(seen)} runs so far", flush=True)
        proof = await asyncio.to_thread(live.verify)
        assert proof.code == 0, proof.out + proof.err
        assert proof.json["fact"]["events"] == sender.sent
        found = await ages(await live.connect(), sender, seen, since)
    await connection.close()
    return *found, len(seen)


async def main(rate: float, seconds: float) -> None:
    async with live_pipeline() as live:
        to_raw, to_marts, runs = await steady(live, rate, seconds)
    result: dict[str, Any] = {"events": len(to_marts), "rate": rate, "runs": runs, "bar": BAR}
    for name, found in (("loaded", to_raw), ("in the marts", to_marts)):
        p50, p95 = np.quantile(found, (0.5, 0.95))
        result[name] = {"p50": p50, "p95": p95, "max": found.max()}
        print(
            f"acknowledged to {name:12} p50 {p50:.2f} s, p95 {p95:.2f} s, max {found.max():.2f} s"
        )
    print(
        f"{len(to_marts):,} events at {rate:,.0f}/s, {runs} runs, verify agrees;"
        f" bar: p95 < {BAR:.0f} s"
    )
    figures.record("fresh", **result)


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--rate", type=float, default=5000)
    parser.add_argument("--seconds", type=float, default=60)
    arguments = parser.parse_args()
    asyncio.run(main(arguments.rate, arguments.seconds))
