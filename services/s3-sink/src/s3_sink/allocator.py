"""What the C library keeps of freed memory, bounded (glibc; with any other nothing is done).

A large buffer comes from the system and goes back to it when it is freed. But glibc raises what it
takes for large, up to 32 MiB, each time that one is freed: then the bodies of objects lie in its
heaps, between small things that live on. After each outage of the store 100 MiB of free memory more
stayed in the process.
"""

import ctypes

# of mallopt(3); either of them also ends that raising
_TRIM_THRESHOLD, _MMAP_THRESHOLD = -1, -3
_LARGE, _TRIM = 1 << 20, 8 << 20
_libc = ctypes.CDLL(None)


def bound() -> None:
    """Once, early: from now on a large buffer is one of a MiB."""
    if hasattr(_libc, "malloc_trim"):
        _libc.mallopt(_MMAP_THRESHOLD, _LARGE)
        _libc.mallopt(_TRIM_THRESHOLD, _TRIM)


def give_back() -> None:
    """Free pages go back to the system. May take 50 ms, in which others allocate nothing."""
    if hasattr(_libc, "malloc_trim"):
        _libc.malloc_trim(0)
