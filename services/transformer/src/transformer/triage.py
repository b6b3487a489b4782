"""What to do about a run that could not be built: pure, so that each case is a line of a test.

A server that hiccups is tried again. A test that names files holds those. Else the run is halved
until one file is left; that file is set aside, and if the same run fails without it too, it was
not the file: the project or the warehouse is broken, and nothing is held for it.
"""

import re
from collections.abc import Sequence
from dataclasses import dataclass
from enum import Enum

# what PostgreSQL and libpq say when trying again helps; dbt passes on texts, not codes
_TRANSIENT = re.compile(
    "|".join(
        (
            "deadlock detected",
            "could not serialize access",
            "lock timeout",
            "statement timeout",
            "terminating connection",
            "server closed the connection",
            "connection (refused|reset|not open|already closed|is closed|to server .* failed)",
            "could not (connect|receive data|send data)",
            "too many (clients|connections)",
            "remaining connection slots",
            "the database system is (starting|shutting|in recovery)",
            "SSL (connection|SYSCALL)",
            "tuple concurrently updated",
            "no space left on device",
            "read-only transaction",
            "took this run over",
        )
    ),
    re.IGNORECASE,
)
# the same as SQLSTATE classes and codes
_TRANSIENT_CODES = ("08", "40", "53", "57", "55P03", "25006", "XX000")


# a run that a lost process or server cut off so often is made smaller: it may be what ends them
MAX_TRIES = 5


class Action(Enum):
    HOLD = "hold"  # files: set these aside, go on with the rest
    HALVE = "halve"  # files: go on with these, the others wait
    ACCUSE = "accuse"  # files: the one left; set aside, and see whether the run passes without
    GIVE_UP = "give up"  # the files are not to blame


@dataclass(frozen=True)
class Verdict:
    action: Action
    files: tuple[int, ...] = ()


def transient(message: str) -> bool:
    """Whether the same thing may work when it is tried again."""
    return bool(_TRANSIENT.search(message))


def transient_code(code: str | None) -> bool:
    """The same of a SQLSTATE; None: the connection was lost before there was one."""
    return code is None or code.startswith(_TRANSIENT_CODES)


def fewer(attempt: int, loaded: Sequence[int], superseded: Sequence[int]) -> tuple[int, ...]:
    """The files to go on with at this try (1 is the first); the others wait.

    A hiccup never accuses a file, so the last one is tried for as long as it takes.
    """
    files = (*loaded, *superseded)
    if attempt <= MAX_TRIES or len(files) < 2:
        return files
    return tuple(loaded[: len(loaded) // 2]) if len(loaded) > 1 else tuple(superseded or loaded)


def judge(loaded: Sequence[int], superseded: Sequence[int], suspects: Sequence[int]) -> Verdict:
    """The next step for a failed run over these files.

    suspects: what the failing tests name, empty where any failure names none. A withdrawn file has
    no rows to blame; it is never held, because holding it would keep its rows in the marts.
    """
    named = tuple(sorted(set(suspects) & set(loaded)))
    if named:
        return Verdict(Action.HOLD, named)
    if len(loaded) > 1:
        return Verdict(Action.HALVE, tuple(loaded[: len(loaded) // 2]))
    if len(loaded) == 1 and superseded:
        return Verdict(Action.HALVE, tuple(superseded))
    if len(loaded) == 1:
        return Verdict(Action.ACCUSE, tuple(loaded))
    return Verdict(Action.GIVE_UP)
