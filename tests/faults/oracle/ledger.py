"""What the driver wrote down: each attempt before its send, each acknowledgement after it.

Append-only files of fixed records, fsynced at each batch. A torn last record is none: its send
never began, or nobody was told of its acknowledgement.
"""

import os
from collections.abc import Sequence
from pathlib import Path

import numpy as np
import numpy.typing as npt

from faults.oracle.events import Idents

ATTEMPT = np.dtype("<u8")
ACK = np.dtype([("ident", "<u8"), ("part", "<i4"), ("offset", "<i8")])


class Ledger:
    """The driver's side; one process writes."""

    def __init__(self, folder: Path) -> None:
        self._attempts = _open(folder / "attempts")
        self._acks = _open(folder / "acks")

    def attempt(self, idents: Sequence[int]) -> None:
        """On disk before it returns."""
        _append(self._attempts, np.array(idents, ATTEMPT))

    def acknowledged(self, acks: Sequence[tuple[int, int, int]]) -> None:
        """(ident, partition, offset), on disk before it returns."""
        _append(self._acks, np.array(acks, ACK))


def attempts(folder: Path) -> Idents:
    return _read(folder / "attempts", ATTEMPT).astype(np.uint64)


def acks(folder: Path) -> npt.NDArray[np.void]:
    return _read(folder / "acks", ACK)


def _open(path: Path) -> int:
    return os.open(path, os.O_WRONLY | os.O_CREAT | os.O_APPEND, 0o600)


def _append(file: int, records: npt.NDArray[np.void] | Idents) -> None:
    if len(records):
        written = os.write(file, records.tobytes())
        assert written == records.nbytes
        os.fsync(file)


def _read(path: Path, kind: np.dtype[np.void] | np.dtype[np.uint64]) -> npt.NDArray[np.void]:
    if not path.exists():
        return np.empty(0, kind)
    held = path.read_bytes()
    return np.frombuffer(held[: len(held) // kind.itemsize * kind.itemsize], kind)
