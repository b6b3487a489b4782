"""Where a file stands against the end of its chain, judged by what bucket and log said. Pure."""

from dataclasses import dataclass

from s3_sink.chain import ChainBroken, Found


@dataclass(frozen=True)
class Evidence:
    """found: the object that begins where the file does, or, where the bucket was listed, the
    chain's last. floor: an offset known to have been archived before. log_start is asked for with
    a listing, log_end with an object found."""

    found: Found | None
    listed: bool = False
    floor: int | None = None
    log_start: int = 0
    log_end: int = 0


@dataclass(frozen=True)
class Place:
    """offset: where reading goes on, the file's own start where the file is the chain's next.
    behind: the object that ends there. gap: what retention took of the log before it."""

    offset: int
    behind: Found | None = None
    gap: range | None = None


def place(start: int, evidence: Evidence) -> Place:
    """Of a file that begins at start. Raises ChainBroken."""
    found = evidence.found
    if found is not None and (found.end > start or not evidence.listed):
        return _behind(found, start, evidence.log_end)
    known = max(found.end if found else 0, evidence.floor or 0)
    if known in (0, start):
        return Place(start)
    begin = evidence.log_start
    return Place(max(known, begin), gap=range(known, begin) if begin > known else None)


def _behind(found: Found, start: int, log_end: int) -> Place:
    if not start < found.end <= log_end:
        raise ChainBroken(
            f"{found.key} ends at {found.end}, the log at {log_end}: was the topic created anew?"
            " raise SINK_TOPIC_EPOCH and set another SINK_PREFIX"
        )
    return Place(found.end, behind=found)
