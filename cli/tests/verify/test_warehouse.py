"""The two halves of verify's snapshot."""

import asyncio
from typing import Any

import asyncpg
import pytest

from pipeline.clients.postgres import postgres_errors
from pipeline.errors import Transient
from salespipe.verify.warehouse import both


async def test_what_went_wrong_is_raised_when_the_other_half_has_ended_too() -> None:
    """Its connection is in use until then, and would answer with that instead."""
    ended = asyncio.Event()

    async def waits() -> dict[str, Any]:
        try:
            await asyncio.Event().wait()
        finally:
            await asyncio.sleep(0)
            ended.set()
        return {}

    async def fails() -> dict[str, Any]:
        raise ValueError("the cause")

    with pytest.raises(ValueError, match="the cause"):
        await both(waits(), fails())
    assert ended.is_set()


async def test_an_outage_in_one_half_is_told_as_what_it_is() -> None:
    """A disk that is full, not a task that was cancelled: nobody cancelled it."""

    async def waits() -> dict[str, Any]:
        await asyncio.Event().wait()
        return {}

    async def fails() -> dict[str, Any]:
        await asyncio.sleep(0)
        raise asyncpg.DiskFullError("no space left on device")

    with pytest.raises(Transient, match="no space left"), postgres_errors():
        await both(waits(), fails())
