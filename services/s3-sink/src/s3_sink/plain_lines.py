"""A packed batch's values as lines, without an object a value.

Only what needs no change: objects in one line each. They are copied from the unpacked batch into
memory of the thread, and on from there before the next ones come.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from threading import local

import numpy as np

from pipeline.compiled import forget_compiler
from s3_sink.record_walk import walk
from s3_sink.undecoded import Undecoded, unpacked

_ROOM = 256 << 10  # what the processor's cache holds beside the batch


@dataclass(frozen=True, slots=True)
class Lines:
    """text: each value with its line end. raw_bytes: the values as they came. first, last: those
    values."""

    text: bytes | memoryview
    count: int
    raw_bytes: int
    first: bytes | None
    last: bytes | None


class _Own(local):
    def __init__(self) -> None:
        self.room = bytearray(_ROOM)


_own = _Own()


def prepare() -> None:
    """Compile the loop, or load it (see pipeline.compiled): the first chunk would wait for it. For
    both kinds of memory: batches that were unpacked lie in a room, others in bytes."""
    nothing = np.empty(0, np.uint8)
    read_only = np.frombuffer(b"", np.uint8)
    for raw in (nothing, read_only):
        walk(raw, 0, 0, 0, 0, nothing)
    forget_compiler()


def plain_lines(values: Undecoded) -> Iterator[Lines]:
    """The values' lines in turn, up to the first that is more than a copy. Each text is valid until
    the next is asked for."""
    records = unpacked(values.batch)
    if records is None:
        return
    raw, room = np.frombuffer(records, np.uint8), _own.room
    lines = np.frombuffer(room, np.uint8)
    at = index = 0
    doubtful = False
    while index < values.last and not doubtful:
        before = max(index, values.first)
        at, index, used, doubtful = walk(raw, at, index, values.first, values.last, lines)
        if used:
            yield _lines(room, used, index - before)


def _lines(room: bytearray, used: int, count: int) -> Lines:
    first = bytes(room[: room.index(b"\n")])
    last = bytes(room[room.rfind(b"\n", 0, used - 1) + 1 : used - 1])
    return Lines(memoryview(room)[:used], count, used - count, first, last)
