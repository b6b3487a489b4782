"""Kafka's log against the bucket: one gapless chain of objects a partition. Pure."""

from collections import defaultdict
from collections.abc import Iterable, Iterator

from salespipe.verify.difference import Difference
from salespipe.verify.evidence import Evidence, StoredObject


def is_current(stored: StoredObject, evidence: Evidence) -> bool:
    metadata = stored.metadata
    return metadata is not None and (metadata.topic, metadata.topic_epoch) == (
        evidence.topic,
        evidence.topic_epoch,
    )


def broken_metadata(objects: Iterable[StoredObject]) -> Iterator[Difference]:
    for stored in objects:
        if stored.problem:
            yield Difference("bucket", f"metadata: {stored.problem}", key=stored.key)


def chain(objects: Iterable[StoredObject], evidence: Evidence) -> Iterator[Difference]:
    """Contiguous from offset 0, within the log, each object holding what its range promises."""
    hop = "kafka → bucket"
    for part, chained in sorted(_by_partition(objects).items()):
        head, before = 0, "the beginning"
        for stored in chained:
            metadata = stored.metadata
            assert metadata is not None
            if metadata.start > head:
                text = f"offsets {head}–{metadata.start - 1} are in no object (after {before})"
                yield Difference(hop, text, part, head, metadata.start, key=stored.key)
            elif metadata.start < head:
                text = f"overlaps {before} in offsets {metadata.start}–{head - 1}"
                yield Difference(hop, text, part, metadata.start, head, key=stored.key)
            lines = metadata.count + metadata.rejected + metadata.skipped
            if lines != metadata.end - metadata.start:
                text = f"holds {lines} of the {metadata.end - metadata.start} records of its range"
                yield Difference(hop, text, part, metadata.start, metadata.end, key=stored.key)
            head, before = max(head, metadata.end), stored.key
        if head > evidence.ends.get(part, 0):
            text = (
                f"the chain ends at {head}, the log at {evidence.ends.get(part, 0)}: another topic?"
            )
            yield Difference(hop, text, part, evidence.ends.get(part, 0), head)


def _by_partition(chain: Iterable[StoredObject]) -> dict[int, list[StoredObject]]:
    parts: dict[int, list[StoredObject]] = defaultdict(list)
    for stored in chain:
        if stored.metadata:
            parts[stored.metadata.partition].append(stored)
    for objects in parts.values():
        objects.sort(key=lambda o: (o.metadata.start, o.metadata.end) if o.metadata else (0, 0))
    return parts
