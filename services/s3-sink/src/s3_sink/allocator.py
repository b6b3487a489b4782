"""When freed memory goes back to the system (glibc; with any other C library nothing is done).

glibc keeps what is freed between things that live on, and takes larger and larger buffers from its
heaps. After each outage of the store 100 MiB of free memory more stayed in the process.
"""

import ctypes

_libc = ctypes.CDLL(None)
_GLIBC = hasattr(_libc, "malloc_trim")
# of malloc.h: M_TRIM_THRESHOLD, M_MMAP_THRESHOLD, M_ARENA_MAX
_SETTINGS = {-1: 128 << 20, -3: 32 << 20, -8: 1}


def keep_pages() -> None:
    """In one heap for all threads, which keeps what is freed until give_back(). Buffers of
    megabytes come and go: pages that are fresh each time cost a tenth of a sink that catches up.
    To be called before there are threads."""
    if _GLIBC:
        for setting, value in _SETTINGS.items():
            _libc.mallopt(setting, value)


def give_back() -> None:
    """Every free page. May take 50 ms, in which others allocate nothing."""
    if _GLIBC:
        _libc.malloc_trim(0)
