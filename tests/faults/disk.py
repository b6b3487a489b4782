"""Disks of their own for Kafka, the store and PostgreSQL, which a fault can fill.

A tmpfs in a mount namespace that only this process and its children see: it vanishes with them,
however they end. A file system is full when its size is made what it holds.
"""

import ctypes
import os
import subprocess
import sys
from pathlib import Path

SERVERS = ("kafka", "s3", "postgres")
_SIZE = "8g"
_CLONE_NEWNS = 0x20000
_MS_REC, _MS_PRIVATE = 0x4000, 1 << 18
_CAP_SYS_ADMIN = 1 << 21
_ROOM = 64 << 10


def unable() -> str:
    """Why this process may not mount."""
    if not sys.platform.startswith("linux"):
        return "mount namespaces are Linux's"
    status = Path("/proc/self/status").read_text()
    effective = next(line.split()[1] for line in status.splitlines() if line.startswith("CapEff"))
    return "" if int(effective, 16) & _CAP_SYS_ADMIN else "only who may mount can fill a disk"


def mount(folder: Path) -> None:
    """Before the servers make their data; from the thread that will start them."""
    if unable():
        return
    libc = ctypes.CDLL(None, use_errno=True)
    if libc.unshare(_CLONE_NEWNS) or libc.mount(b"none", b"/", None, _MS_REC | _MS_PRIVATE, None):
        raise OSError(ctypes.get_errno(), "no mount namespace of its own")
    for server in SERVERS:
        (folder / server).mkdir()
        _run("mount", "-t", "tmpfs", "-o", f"size={_SIZE},mode=755", "tmpfs", folder / server)


def unmount(folder: Path) -> None:
    """So that the folder can be deleted."""
    for server in SERVERS:
        if (folder / server).is_mount():
            _run("umount", "-l", folder / server)


def fill(folder: Path, server: str) -> None:
    """The server writes on meanwhile, and a size below what is held is refused: try with more."""
    for room in range(1, 9):
        held = os.statvfs(folder / server)
        used = (held.f_blocks - held.f_bfree) * held.f_frsize
        try:
            _run("mount", "-o", f"remount,size={used + room * _ROOM}", folder / server)
        except subprocess.CalledProcessError:
            continue
        return
    raise AssertionError(f"{folder / server} grows faster than it can be filled")


def free(folder: Path, server: str) -> None:
    _run("mount", "-o", f"remount,size={_SIZE}", folder / server)


def _run(*words: str | Path) -> None:
    subprocess.run(list(map(str, words)), check=True, capture_output=True)
