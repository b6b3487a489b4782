"""Stored bytes to plain ones, in pieces, refusing what is cut off, damaged or absurdly large."""

import hashlib
from collections.abc import Iterator
from typing import cast

import zstandard
from isal import isal_zlib

from loader.object_kind import Packing
from pipeline.errors import Poison

_PIECE = 1 << 20
_EXPANSION = 10
_GZIP_ERRORS: tuple[type[Exception], ...] = (
    cast("type[Exception]", isal_zlib.error),
    ValueError,
    EOFError,
)
_ZSTD_SLICE = 64 << 10


class Inflated:
    """Iterates over plain pieces once; size and, where hashed, sha256 (both of everything plain)
    are complete afterwards.

    Raises Poison: bad_gzip, bad_zstd (damaged or cut off), too_large.
    """

    def __init__(
        self, stored: bytes, packing: Packing, limit: int, *, hashed: bool = False
    ) -> None:
        self._stored = stored
        self._packing = packing
        self._limit = limit
        self._digest = hashlib.sha256() if hashed else None
        self.size = 0

    @property
    def expected(self) -> int:
        """About how many bytes will be plain: a guess."""
        return len(self._stored) * (1 if self._packing == "none" else _EXPANSION)

    @property
    def sha256(self) -> bytes:
        return self._digest.digest() if self._digest else b""

    def __iter__(self) -> Iterator[bytes]:
        for piece in _pieces(self._stored, self._packing):
            self.size += len(piece)
            if self.size > self._limit:
                raise Poison("too_large", f"unpacks to more than {self._limit} bytes")
            if self._digest:
                self._digest.update(piece)
            yield piece


def lines(pieces: Iterator[bytes], size: int) -> Iterator[bytes]:
    """Regroup into chunks of about size bytes that end at a line's end (LF); the last may not."""
    held: list[bytes] = []
    length = 0
    for piece in pieces:
        held.append(piece)
        length += len(piece)
        if length < size:
            continue
        joined = b"".join(held)
        cut = joined.rfind(b"\n") + 1
        if cut:
            yield joined[:cut]
            joined = joined[cut:]
        held, length = [joined], len(joined)
    rest = b"".join(held)
    if rest:
        yield rest


def _pieces(stored: bytes, packing: Packing) -> Iterator[bytes]:
    if not stored:
        return
    if packing == "gzip":
        yield from _gzip(stored)
    elif packing == "zstd":
        yield from _zstd(stored)
    else:
        for start in range(0, len(stored), _PIECE):
            yield stored[start : start + _PIECE]


def _gzip(stored: bytes) -> Iterator[bytes]:
    rest = stored
    while rest:
        member = isal_zlib.decompressobj(isal_zlib.MAX_WBITS | 16)
        try:
            while not member.eof and rest:
                yield member.decompress(rest, _PIECE)
                rest = member.unconsumed_tail
            if not member.eof:
                yield member.flush()
        except _GZIP_ERRORS as error:
            raise Poison("bad_gzip", str(error)) from error
        if not member.eof:
            raise Poison("bad_gzip", "cut off: the stream has no end")
        rest = member.unused_data


def _zstd(stored: bytes) -> Iterator[bytes]:
    start = 0
    while start < len(stored):
        frame = zstandard.ZstdDecompressor().decompressobj()
        try:
            while not frame.eof and start < len(stored):
                piece = stored[start : start + _ZSTD_SLICE]
                start += len(piece)
                yield frame.decompress(piece)
        except zstandard.ZstdError as error:
            raise Poison("bad_zstd", str(error)) from error
        if not frame.eof:
            raise Poison("bad_zstd", "cut off: the last frame has no end")
        start -= len(frame.unused_data)
