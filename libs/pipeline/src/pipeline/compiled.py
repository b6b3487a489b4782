"""Loops over single bytes, as machine code."""

import ctypes
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any, TypeVar, cast

import numba
from numba.extending import intrinsic

_DONT_NEED = 4  # MADV_DONTNEED of mman.h
_Loop = TypeVar("_Loop", bound=Callable[..., Any])


def compiled(loop: _Loop) -> _Loop:
    """The loop, compiled at its first call (seconds, once for each combination of types) and run
    without the interpreter's lock. What comes out is kept for the next process, beside the source
    or where NUMBA_CACHE_DIR says; where neither can be written each process compiles for itself.
    It is held for true until the loop's own file changes: what may change elsewhere is handed in.

    It can make no array: references are not counted, which would be two locked instructions for
    each array that is handed to a part of the loop, or parted, for each value."""
    compile_: Any = numba.njit  # one of these is in no stub
    try:
        machine_code = compile_(nogil=True, cache=True, _nrt=False)(loop)
    except RuntimeError:  # numba finds no folder that it may write
        machine_code = compile_(nogil=True, _nrt=False)(loop)
    return cast(_Loop, machine_code)


def forget_compiler() -> None:
    """The compiler's own code leaves memory (70 MB of a service) until it is needed again: for all
    that a service calls is compiled, or was loaded as it had been kept."""
    if sys.platform != "linux":
        return
    libc = ctypes.CDLL(None)
    for mapping in Path("/proc/self/maps").read_text().splitlines():
        # code alone: it is as it is in the file, so that is where it comes from again
        if " r-xp " in mapping and "libllvmlite" in mapping:
            begin, end = (int(place, 16) for place in mapping.split()[0].split("-"))
            libc.madvise(ctypes.c_void_p(begin), ctypes.c_size_t(end - begin), _DONT_NEED)


def inlined(part: _Loop) -> _Loop:
    """A part of compiled loops, which becomes theirs: a call costs as much as what it does."""
    return cast(_Loop, numba.njit(inline="always")(part))


def reading(kind: Any) -> Callable[[int], int]:
    """For compiled loops: the value of a numba type at an address, aligned or not. A loop over many
    columns reads them so, since what holds arrays counts references at each access."""

    @intrinsic
    def read(_context: Any, address: Any) -> Any:
        def code(context: Any, builder: Any, _signature: Any, arguments: Any) -> Any:
            pointer = context.get_value_type(kind).as_pointer()
            return builder.load(builder.inttoptr(arguments[0], pointer), align=1)

        return kind(address), code

    return cast(Callable[[int], int], read)
