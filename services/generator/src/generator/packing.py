"""Chunks into record batches, each of one partition: whole where that is known to work."""

import logging
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any

import numpy as np
from aiokafka.partitioner import murmur2
from numpy.typing import NDArray

from generator import record_batch
from generator.batch import Chunk
from generator.catalogue import catalogue
from generator.lines import Lines, joined
from generator.record_batch import RecordBatch

log = logging.getLogger(__name__)
_TURN = 8  # chunks, a hundredth of a second: a turn costs as much as some hundred events


@dataclass(frozen=True)
class Packet:
    """A full record batch of one partition."""

    builder: Any
    partition: int
    messages: int
    bytes: int


# what each few chunks filled; not for two threads at a time
Pack = Callable[[Iterator[Chunk]], Iterator[list[Packet]]]


def packing(
    partitions: int, batch_bytes: int, compression: str, create_batch: Callable[[], Any]
) -> Pack:
    if record_batch.usable():
        return WholePacker(partitions, batch_bytes, compression).packets
    log.warning(
        "record batches are built a record at a time: not aiokafka %s", record_batch.KNOWN_AIOKAFKA
    )
    return lambda chunks: Packer(create_batch, partitions).packets(chunks)


def partitions_of_stores(partitions: int) -> NDArray[np.int16]:
    """Where each store of the catalogue lives, by Kafka's own rule for keys."""
    keys = (store.store_id.encode() for store in catalogue().stores)
    return np.array([(murmur2(key) & 0x7FFFFFFF) % partitions for key in keys], np.int16)


class WholePacker:
    """Record batches out of columns. Some chunks are put together, so that batches are not small;
    a line's order within its partition stays."""

    def __init__(self, partitions: int, batch_bytes: int, compression: str) -> None:
        self._partitions, self._limit = partitions, batch_bytes
        self._compression = compression
        self._partition = partitions_of_stores(partitions)
        keys = [store.store_id.encode() for store in catalogue().stores]
        (self._key_size,) = {1 + len(key) for key in keys}
        self._keys = np.empty(len(keys), object)
        self._keys[:] = [record_batch.varint(len(key)) + key for key in keys]

    def packets(self, chunks: Iterator[Chunk]) -> Iterator[list[Packet]]:
        waiting: list[Chunk] = []
        size = 0
        for chunk in chunks:
            waiting.append(chunk)
            size += int(chunk.lines.sizes.sum())
            if size >= self._limit * self._partitions:
                yield self._pack(waiting)
                waiting, size = [], 0
            elif len(waiting) % _TURN == 0:
                yield []  # a turn of the loop
        if waiting:
            yield self._pack(waiting)

    def _pack(self, chunks: list[Chunk]) -> list[Packet]:
        lines = joined([chunk.lines for chunk in chunks])
        stores = np.concatenate([chunk.stores for chunk in chunks])
        partitions = self._partition[stores]
        order = np.argsort(partitions, kind="stable")
        lines, stores = lines.picked(order), stores[order]
        ends = np.searchsorted(partitions[order], np.arange(self._partitions + 1)).tolist()
        found = []
        for partition in range(self._partitions):
            start, end = ends[partition], ends[partition + 1]
            for first, last in record_batch.spans(lines.sizes[start:end], self._limit):
                part = lines.picked(slice(start + first, start + last))
                keys = self._keys[stores[start + first : start + last]]
                found.append(self._packet(partition, part, keys))
        return found

    def _packet(self, partition: int, lines: Lines, keys: NDArray[np.object_]) -> Packet:
        whole = RecordBatch(
            record_batch.records(lines, keys, self._key_size), len(lines),
            round(time.time() * 1000), self._compression,
        )  # fmt: skip
        return Packet(whole, partition, len(lines), int(lines.sizes.sum()))


class Packer:
    """The public way: a record at a time into aiokafka's builders, one open for each partition."""

    def __init__(self, create_batch: Callable[[], Any], partitions: int) -> None:
        self._create = create_batch
        self._keys = [store.store_id.encode() for store in catalogue().stores]
        self._partition = partitions_of_stores(partitions)
        self._open = [create_batch() for _ in range(partitions)]
        self._bytes = [0] * partitions

    def packets(self, chunks: Iterator[Chunk]) -> Iterator[list[Packet]]:
        """What each chunk filled, then what is left."""
        for chunk in chunks:
            yield self._add(chunk)
        yield [self._close(p) for p in range(len(self._open)) if self._open[p].record_count()]

    def _add(self, chunk: Chunk) -> list[Packet]:
        partitions = self._partition[chunk.stores]
        order = np.argsort(partitions, kind="stable")
        ends = np.searchsorted(partitions[order], np.arange(len(self._open) + 1)).tolist()
        places, stores, values = order.tolist(), chunk.stores.tolist(), chunk.values
        full: list[Packet] = []
        for partition in range(len(self._open)):
            append, size = self._open[partition].append, 0
            for place in places[ends[partition] : ends[partition + 1]]:
                key, value = self._keys[stores[place]], values[place]
                if append(timestamp=None, key=key, value=value) is None:
                    self._bytes[partition] += size
                    full.append(self._close(partition))
                    append, size = self._open[partition].append, 0
                    append(timestamp=None, key=key, value=value)
                size += len(value)
            self._bytes[partition] += size
        return full

    def _close(self, partition: int) -> Packet:
        builder = self._open[partition]
        packet = Packet(builder, partition, builder.record_count(), self._bytes[partition])
        self._open[partition], self._bytes[partition] = self._create(), 0
        return packet
