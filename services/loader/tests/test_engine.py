"""The engine's chunks share a file in memory: none may be read for another."""

import pytest

from loader import engine
from loader.decoded import Rules


def chunk(count: int, store: str) -> bytes:
    return b"".join(
        b'{"event_id":"019ab0c2-0000-7000-8000-%012d","occurred_at":"2026-11-23T10:14:07.123Z",'
        b'"store_id":"%s","region":"West","product_id":"P1","quantity":1,"unit_price":1.5}\n'
        % (number, store.encode())
        for number in range(count)
    )


@pytest.mark.parametrize("counts", [(50, 50, 50), (50, 3, 50), (3, 50, 3)])
def test_each_chunk_is_its_own_whatever_came_before_it(counts: tuple[int, ...]) -> None:
    for number, count in enumerate(counts):
        batch = engine.decode_chunk(chunk(count, f"S{number}"), 1, Rules())
        assert batch is not None
        assert batch.column("store_id").to_pylist() == [f"S{number}"] * count
