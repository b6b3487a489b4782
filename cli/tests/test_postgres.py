"""The embedded PostgreSQL's settings."""

import pytest

from salespipe.embedded.postgres import shared_buffers


@pytest.mark.parametrize(
    ("gigabytes", "buffers"), [(2, "256MB"), (8, "512MB"), (12, "768MB"), (64, "1024MB")]
)
def test_a_sixteenth_of_the_memory_is_the_server_s(gigabytes: int, buffers: str) -> None:
    assert shared_buffers(gigabytes << 30) == buffers
