"""Compression of a stream: gzip (by isal), zstd or none."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Protocol

import zstandard
from isal import isal_zlib

# window bits: 4 KiB, with gzip's header and trailer. An event is like the one before it, and near
# places take fewer bits than far ones: quicker and smaller than with 32 KiB
_GZIP = 16 + 12
_ZSTD_LEVEL = 1


class Compressor(Protocol):
    def compress(self, data: bytes | memoryview, /) -> bytes: ...
    def flush(self) -> bytes: ...


class _Plain:
    def compress(self, data: bytes | memoryview, /) -> bytes:
        return bytes(data)

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


class Packed:
    """A body as it grows: what is written to it is compressed at once. size: stored so far."""

    def __init__(self, compressor: Compressor) -> None:
        self.size = 0
        self._compressor = compressor
        self._parts: list[bytes] = []

    def write(self, data: bytes | memoryview) -> None:
        self._keep(self._compressor.compress(data))

    def finish(self) -> bytes:
        """All of it, once; what waits for its upload is held in one piece only."""
        self._keep(self._compressor.flush())
        stored = b"".join(self._parts)
        self._parts.clear()
        return stored

    def _keep(self, part: bytes) -> None:
        self.size += len(part)
        if part:
            self._parts.append(part)
