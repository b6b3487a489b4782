"""What must be true before anything is started: Python, memory, disk."""

import sys
from dataclasses import dataclass
from pathlib import Path

import psutil

from salespipe.errors import Code, SalespipeError

NEEDED_RAM = 2 * 2**30
NEEDED_DISK = 2 * 2**30
OLDEST_PYTHON = (3, 11)


@dataclass(frozen=True)
class Machine:
    """What this machine has to give."""

    python: tuple[int, int]
    free_ram: int
    free_disk: int

    @classmethod
    def here(cls, folder: Path) -> "Machine":
        there = next(parent for parent in (folder, *folder.parents) if parent.exists())
        return cls(
            python=(sys.version_info[0], sys.version_info[1]),
            free_ram=psutil.virtual_memory().available,
            free_disk=psutil.disk_usage(str(there)).free,
        )


def check(machine: Machine, folder: Path) -> str:
    """A line on what was found; SalespipeError on the first thing that is missing."""
    if machine.python < OLDEST_PYTHON:
        raise SalespipeError(
            Code.PYTHON_TOO_OLD,
            f"Python {_dotted(machine.python)} is too old",
            fix=f"use Python {_dotted(OLDEST_PYTHON)} or newer",
        )
    if machine.free_ram < NEEDED_RAM:
        raise SalespipeError(
            Code.LOW_MEMORY,
            f"{_gib(machine.free_ram)} of memory is free, {_gib(NEEDED_RAM)} is needed",
            fix="end something that is large and try again",
        )
    if machine.free_disk < NEEDED_DISK:
        raise SalespipeError(
            Code.LOW_DISK,
            f"{_gib(machine.free_disk)} is free in {folder}, {_gib(NEEDED_DISK)} is needed",
            fix="free some space, or set SALESPIPE_STATE to a folder that has it",
        )
    return (
        f"RAM {_gib(machine.free_ram)} free (needs {_gib(NEEDED_RAM)}) · "
        f"disk {_gib(machine.free_disk)} free (needs {_gib(NEEDED_DISK)})"
    )


def _gib(size: int) -> str:
    return f"{size / 2**30:.1f} GB"


def _dotted(version: tuple[int, int]) -> str:
    return ".".join(map(str, version))
