"""A process whose wall clock is wrong: a preloaded library adds seconds to what the kernel says.

Python and dbt read the wall clock by clock_gettime; the monotonic clock stays right, as on a
machine whose time is set.
"""

import shutil
import subprocess
import sys
from pathlib import Path

_SOURCE = """
#define _GNU_SOURCE
#include <dlfcn.h>
#include <stdlib.h>
#include <time.h>

int clock_gettime(clockid_t id, struct timespec *at) {
    static int (*real)(clockid_t, struct timespec *);
    if (!real) real = (int (*)(clockid_t, struct timespec *))dlsym(RTLD_NEXT, "clock_gettime");
    int answer = real(id, at);
    const char *shift = getenv("CLOCK_SHIFT");
    if (!answer && shift && id == CLOCK_REALTIME) at->tv_sec += atol(shift);
    return answer;
}
"""


def unable() -> str:
    if not sys.platform.startswith("linux"):
        return "clocks are shifted on Linux only"
    return "" if shutil.which("cc") else "no C compiler to shift a clock with"


def shifted(folder: Path, seconds: int) -> dict[str, str]:
    """Environment of a process whose clock is seconds ahead."""
    library = folder / "clock.so"
    if not library.exists():
        source = folder / "clock.c"
        source.write_text(_SOURCE)
        subprocess.run(
            ["cc", "-shared", "-fPIC", "-o", str(library), str(source), "-ldl"], check=True
        )
    return {"LD_PRELOAD": str(library), "CLOCK_SHIFT": str(seconds)}
