"""A process and those under it."""

import psutil


def family(pid: int) -> list[psutil.Process]:
    """Raises psutil.NoSuchProcess."""
    process = psutil.Process(pid)
    return [process, *process.children(recursive=True)]


def resident(pid: int) -> int:
    """Bytes of all of them; psutil.Error where one ends meanwhile."""
    return sum(member.memory_info().rss for member in family(pid))
