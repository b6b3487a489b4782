"""Plain text in blocks of whole lines, where the compiled loops can read them."""

import threading
from collections.abc import Iterator

import numpy as np

from loader.line_scan import PAD, Bytes

BLOCK = 1 << 20  # bytes: of more, the processor's caches hold too little
_KEPT = 8 << 20


class _Memory(threading.local):
    """Written over by the thread's next block: fresh pages cost more than filling them."""

    def __init__(self) -> None:
        self.bytes = bytearray(2 * BLOCK + PAD)


_memory = _Memory()


def blocks(pieces: Iterator[bytes]) -> Iterator[Bytes]:
    """Blocks of about BLOCK bytes, and PAD zeros behind them, that end at a line's end (LF); the
    last may not. Each is valid until the next is asked for, or another in the same thread."""
    held, length = _memory.bytes, 0
    for piece in pieces:
        held = _with_room(held, length, len(piece))
        held[length : length + len(piece)] = piece
        length += len(piece)
        if length < BLOCK:
            continue
        end = held.rfind(b"\n", 0, length) + 1
        if end:
            rest = held[end:length]
            yield _padded(held, end)
            length = len(rest)
            held[:length] = rest
    if length:
        yield _padded(held, length)


def padded(text: bytes) -> Bytes:
    """The text as one block."""
    return next(blocks(iter([text])), np.zeros(PAD, np.uint8))


def text_of(block: Bytes) -> bytes:
    return block[:-PAD].tobytes()


def _with_room(held: bytearray, length: int, more: int) -> bytearray:
    """The same, or a larger one with the same beginning."""
    if length + more + PAD <= len(held):
        return held
    larger = bytearray(2 * (length + more) + PAD)
    larger[:length] = held[:length]
    if len(larger) <= _KEPT:
        _memory.bytes = larger
    return larger


def _padded(held: bytearray, size: int) -> Bytes:
    held[size : size + PAD] = bytes(PAD)
    return np.frombuffer(held, np.uint8, size + PAD)
