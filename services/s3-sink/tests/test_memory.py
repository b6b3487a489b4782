"""What was needed once does not stay in memory."""

import gc
import os
import subprocess
import sys
import tracemalloc
import weakref
from pathlib import Path
from typing import Any

import pytest

from pipeline.errors import Transient
from s3_sink.encoders import encoder_for
from s3_sink.records import Records
from s3_sink.store import Store

MIB = 1 << 20


class Thing:
    """Stands for the body of an object; bytes take no weak reference."""


class Refusing:
    """A client whose failure knows the frame that knows it, as aiohttp's does."""

    def __init__(self) -> None:
        self.seen: weakref.ref[Thing] | None = None

    async def put_object(self, **_: Any) -> None:
        body = Thing()
        self.seen = weakref.ref(body)
        try:
            raise ConnectionRefusedError
        except OSError as error:
            known = error
            raise ConnectionError("away") from known


async def test_a_failed_upload_holds_nothing() -> None:
    client = Refusing()
    gc.disable()
    try:
        with pytest.raises(Transient):
            await Store(client, "bucket").create("key", b"x", {})
        assert client.seen is not None
        assert client.seen() is None
    finally:
        gc.enable()


@pytest.mark.skipif(not Path("/proc/self/statm").exists(), reason="Linux says what is resident")
def test_what_was_freed_goes_back_to_the_system() -> None:
    """In a process of its own: this one has memory that other tests freed, and uses that first."""
    done = subprocess.run(
        [sys.executable, "-c", FREED], capture_output=True, text=True, check=True
    )  # fmt: skip
    filled, emptied, given_back = map(int, done.stdout.split())
    assert filled > 15 * MIB
    assert emptied > 15 * MIB, "the system's allocator gives it back by itself"
    assert given_back < 5 * MIB


# prints what is resident beyond the start: filled, emptied, given back
FREED = """
import os
from pathlib import Path
from s3_sink import allocator

def resident():
    return int(Path("/proc/self/statm").read_text().split()[1]) * os.sysconf("SC_PAGE_SIZE")

kept, freed = [], []
before = resident()
for _ in range(200):
    # what stays lies between what goes, which is too small to be given back by itself
    freed.append(bytearray(os.urandom(1024)) * 100)
    kept.append(bytearray(2000))
print(resident() - before)
freed.clear()
print(resident() - before)
allocator.give_back()
print(resident() - before)
"""


@pytest.mark.parametrize("form", ["json", "csv"])
def test_a_finished_file_is_held_once(form: str) -> None:
    values = [b'{"customer_id":"%s"}' % os.urandom(500).hex().encode() for _ in range(2200)]
    encoder = encoder_for(form, "gzip")()
    tracemalloc.start()
    try:
        encoder.add([Records(values, 0, 0)])
        stored = encoder.finish()
        assert len(stored) > MIB
        assert tracemalloc.get_traced_memory()[0] < 1.2 * len(stored)
    finally:
        tracemalloc.stop()
    assert encoder.count == 2200
