"""Which servers the tests use: TEST_SERVERS=containers or embedded.

Unset: containers where a Docker engine answers that has their images or can pull them.
"""

import os
import subprocess
from collections.abc import Callable
from contextlib import AbstractContextManager

from support import compose_stack
from support.container_stack import container_stack, images
from support.stack import Stack, embedded_stack

_VARIABLE = "TEST_SERVERS"
_KINDS: dict[str, Callable[[], AbstractContextManager[Stack]]] = {
    "containers": container_stack,
    "embedded": embedded_stack,
}


def chosen() -> str:
    """containers or embedded; asks once, also for the processes that this one starts."""
    kind = os.environ.get(_VARIABLE) or ("containers" if _to_be_had() else "embedded")
    if kind not in _KINDS:
        raise ValueError(f"{_VARIABLE}={kind}: it is containers, embedded or not set")
    os.environ[_VARIABLE] = kind
    return kind


def servers() -> AbstractContextManager[Stack]:
    """Kafka, a store and PostgreSQL, started and provisioned."""
    return _KINDS[chosen()]()


def _to_be_had() -> bool:
    return not compose_stack.missing() and all(map(_has, images().values()))


def _has(image: str) -> bool:
    return any(
        subprocess.run(["docker", *words, image], capture_output=True, check=False).returncode == 0
        for words in (("image", "inspect"), ("pull", "--quiet"))
    )
