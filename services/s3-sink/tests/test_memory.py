"""What was needed once does not stay in memory."""

import gc
import os
import tracemalloc
import weakref
from pathlib import Path
from typing import Any

import pytest

from pipeline.errors import Transient
from s3_sink import allocator
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
    before = resident()
    kept, freed = [], []
    for _ in range(200):
        # what stays lies between what goes, which is too small to be given back by itself
        freed.append(bytearray(os.urandom(1024)) * 100)
        kept.append(bytearray(2000))
    filled = resident()
    assert filled - before > 15 * MIB
    freed.clear()
    allocator.give_back()
    assert resident() - before < 5 * MIB
    assert len(kept) == 200


def resident() -> int:
    pages = int(Path("/proc/self/statm").read_text().split()[1])
    return pages * os.sysconf("SC_PAGE_SIZE")


@pytest.mark.parametrize("form", ["json", "csv"])
def test_a_finished_file_is_held_once(form: str) -> None:
    values = [b'{"customer_id":"%s"}' % os.urandom(500).hex().encode() for _ in range(2000)]
    encoder = encoder_for(form, "gzip")()
    tracemalloc.start()
    try:
        encoder.add([Records(values, 0, 0)])
        stored = encoder.finish()
        assert len(stored) > MIB
        assert tracemalloc.get_traced_memory()[0] < 1.2 * len(stored)
    finally:
        tracemalloc.stop()
    assert encoder.count == 2000
