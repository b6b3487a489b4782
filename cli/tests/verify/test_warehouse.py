"""The two halves of verify's snapshot."""

import asyncio
from typing import Any

import pytest

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
