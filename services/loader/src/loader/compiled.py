"""Loops over single bytes, as machine code."""

from collections.abc import Callable
from typing import Any, TypeVar, cast

import numba

_Loop = TypeVar("_Loop", bound=Callable[..., Any])


def compiled(loop: _Loop) -> _Loop:
    """The loop, compiled at its first call (seconds, once for each combination of types) and run
    without the interpreter's lock. What comes out is kept for the next process, beside the source
    or where NUMBA_CACHE_DIR says; where neither can be written each process compiles for itself."""
    try:
        machine_code = numba.njit(nogil=True, cache=True)(loop)
    except RuntimeError:  # numba finds no folder that it may write
        machine_code = numba.njit(nogil=True)(loop)
    return cast(_Loop, machine_code)


def inlined(part: _Loop) -> _Loop:
    """A part of compiled loops, which becomes theirs: a call costs as much as what it does."""
    return cast(_Loop, numba.njit(inline="always")(part))
