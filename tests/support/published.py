"""What a generator published, as its manifests say it and as the topic holds it."""

import gzip
import re
from collections import defaultdict
from dataclasses import dataclass, field
from datetime import datetime
from decimal import Decimal
from itertools import pairwise

from loader.decode import decode
from loader.decoded import Rules
from loader.object_kind import ObjectKind
from pipeline.contracts import topics
from pipeline.contracts.messages import BatchManifest
from support.pipeline_env import PipelineEnv
from support.topic_contents import contents

_BATCH = re.compile(rb'"batch_id":"([^"]+)"')


@dataclass
class Lies:
    """One batch's messages in the topic, judged as the loader judges them."""

    messages: int = 0
    events: int = 0  # distinct
    repeats: int = 0
    rejects: int = 0
    quantity: Decimal = Decimal(0)
    net: dict[str, Decimal] = field(default_factory=dict)
    extra: int = 0


async def manifests(own: PipelineEnv) -> list[BatchManifest]:
    found = await contents(own, topics.MANIFESTS)
    return [BatchManifest.from_bytes(record.value) for record in found]


async def batches(own: PipelineEnv) -> dict[str, Lies]:
    """By batch_id; a broken line belongs to the batch that its text names."""
    values: dict[str, list[bytes]] = defaultdict(list)
    for record in await contents(own, topics.EVENTS):
        named = _BATCH.search(record.value)
        assert named is not None, record.value[:300]
        values[named[1].decode()].append(record.value)
    return {batch_id: _judge(found) for batch_id, found in values.items()}


def _judge(values: list[bytes]) -> Lies:
    stored = gzip.compress(b"\n".join(values) + b"\n", 1)
    decoded = decode(stored, ObjectKind("json", "gzip"), Rules(), by_hand=False)
    rows = [row for batch in decoded.batches for row in batch.to_pylist()]
    by_id = {row["event_id"]: row for row in rows}
    net: dict[str, Decimal] = defaultdict(Decimal)
    for row in by_id.values():
        net[row["currency"]] += row["net_amount"]
    return Lies(
        messages=len(values),
        events=len(by_id),
        repeats=len(rows) - len(by_id),
        rejects=len(decoded.rejects),
        quantity=sum((row["quantity"] for row in by_id.values()), Decimal(0)),
        net=dict(net),
        extra=sum(row["extra"] is not None for row in rows),
    )


async def assert_manifests_tell_the_truth(own: PipelineEnv) -> list[BatchManifest]:
    """Each batch that lies in the topic has one manifest, which says what lies there."""
    said, lies = await manifests(own), await batches(own)
    assert len({m.batch_id for m in said}) == len(said), "a batch was announced twice"
    assert {m.batch_id for m in said if m.message_count} == set(lies)
    for manifest in said:
        found = lies.get(manifest.batch_id, Lies())
        assert manifest.event_count == found.events, manifest.batch_id
        assert manifest.quantity_sum == found.quantity, manifest.batch_id
        nonzero = {c: a for c, a in manifest.net_amount_sum.items() if a}
        assert nonzero == {c: a for c, a in found.net.items() if a}, manifest.batch_id
    return said


def windows(said: list[BatchManifest]) -> list[tuple[datetime, datetime]]:
    return sorted((manifest.window_start, manifest.window_end) for manifest in said)


def assert_no_gap_and_no_overlap(said: list[BatchManifest]) -> None:
    for (_, end), (start, _) in pairwise(windows(said)):
        assert end == start
