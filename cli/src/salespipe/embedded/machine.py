"""What a machine is given once, whoever comes first: Kafka's jars, a user for PostgreSQL."""

import contextlib
import fcntl
from collections.abc import Iterator

from salespipe.settings import cache_folder


@contextlib.contextmanager
def one_at_a_time(what: str) -> Iterator[None]:
    """Waits while another process of this user is in the same block."""
    folder = cache_folder()
    folder.mkdir(parents=True, exist_ok=True)
    with (folder / f"{what}.lock").open("w") as held:
        fcntl.flock(held, fcntl.LOCK_EX)
        yield
