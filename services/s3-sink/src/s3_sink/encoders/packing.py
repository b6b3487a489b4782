"""Compression of a stream: gzip (by isal), zstd or none."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Protocol

import zstandard
from isal import isal_zlib

_GZIP = 31  # window bits: the largest window, with gzip's header and trailer
_ZSTD_LEVEL = 1


class Compressor(Protocol):
    def compress(self, data: bytes, /) -> bytes: ...
    def flush(self) -> bytes: ...


class _Plain:
    def compress(self, data: bytes, /) -> bytes:
        return data

    def flush(self) -> bytes:
        return b""


@dataclass(frozen=True)
class Packing:
    """suffix of the key, with its dot; begin() starts a stream."""

    suffix: str
    begin: Callable[[], Compressor]


_PACKINGS = {
    # five times zlib's speed; gzip-6 would cost a core at 100,000 events a second
    "gzip": Packing(".gz", lambda: isal_zlib.compressobj(1, isal_zlib.DEFLATED, _GZIP)),
    "zstd": Packing(".zst", lambda: zstandard.ZstdCompressor(_ZSTD_LEVEL).compressobj()),
    "none": Packing("", _Plain),
}


def packing(compression: str) -> Packing:
    return _PACKINGS[compression]
