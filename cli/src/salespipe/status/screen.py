"""The observation and its judgement as one screen, and as JSON."""

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any

from salespipe.status.judgement import Judgement, span
from salespipe.status.observation import InstanceSeen, Observation

HEADINGS = ("STAGE", "UP", "RATE", "BACKLOG", "OLDEST", "ERR/1h", "LAST")
STAGES = ("generator", "kafka", "s3-sink", "s3", "loader", "postgres", "transformer")


@dataclass(frozen=True)
class Stage:
    """A line of the table; "-" where a stage has no such thing."""

    name: str
    up: str
    rate: str = "-"
    backlog: str = "-"
    oldest: str = "-"
    errors: str = "-"
    last: str = "-"

    def cells(self) -> tuple[str, ...]:
        return (self.name, self.up, self.rate, self.backlog, self.oldest, self.errors, self.last)


def stages(seen: Observation, judgement: Judgement) -> list[Stage]:
    servers = {server.name: server for server in seen.servers}
    details = _details(seen, judgement)
    lines = []
    for name in STAGES:
        if name in servers:
            up, errors = ("ok" if servers[name].ok else "DOWN"), "-"
        else:
            instances = [i for i in seen.instances if i.service == name]
            ready = sum(instance.up for instance in instances)
            up, errors = f"{ready}/{seen.wanted.get(name, 0)}", _errors(instances)
        lines.append(Stage(name=name, up=up, errors=errors, **details.get(name, {})))
    return lines


def _details(seen: Observation, judgement: Judgement) -> dict[str, dict[str, str]]:
    details = told(seen.instances)
    log, ledger = seen.log, seen.ledger
    if log is not None:
        came = sum(log.ends.values()) - sum(log.ends_minute_ago.values())
        details.setdefault("generator", {})["rate"] = f"{came / 60:,.1f}/s"
        details["kafka"] = {
            "backlog": "-" if judgement.in_flight is None else f"{judgement.in_flight:,} events",
            "oldest": _age(seen, log.oldest_waiting),
        }
    if ledger is not None:
        details.setdefault("generator", {})["last"] = f"batch {ledger.last_batch}"
        details.setdefault("loader", {}).update(
            rate=f"{ledger.rows_last_minute / 60:,.1f}/s", last=ledger.last_file
        )
        details["transformer"] = {
            "rate": f"{ledger.runs_last_minute}/min",
            "backlog": _count(ledger.untransformed, "file"),
            "oldest": _age(seen, ledger.untransformed_since),
            "last": ledger.last_run,
        }
    return details


def as_lines(seen: Observation, judgement: Judgement, width: int = 100) -> list[str]:
    """Plain text; nothing is said by colour alone."""
    rows = [HEADINGS, *(stage.cells() for stage in stages(seen, judgement))]
    widths = [max(len(row[column]) for row in rows) for column in range(len(HEADINGS))]
    table = [
        "  ".join(cell.ljust(size) for cell, size in zip(row, widths, strict=True)).rstrip()[:width]
        for row in rows
    ]
    more = [f"! {problem}" for problem in judgement.problems[1:]]
    return [judgement.sentence, judgement.identity, *table, *_footer(seen), *more]


def _footer(seen: Observation) -> list[str]:
    lines = []
    if seen.log is not None and seen.log.dead_letters:
        lines.append(f"dead letters {seen.log.dead_letters:,}")
    if seen.ledger is not None and seen.ledger.rejects:
        worst = sorted(seen.ledger.rejects.items(), key=lambda item: -item[1])[:4]
        reasons = ", ".join(f"{count:,} {reason}" for reason, count in worst)
        lines.append(f"rejected lines {sum(seen.ledger.rejects.values()):,} ({reasons})")
    if seen.ledger is not None and seen.ledger.dropped_files:
        dropped = seen.ledger
        lines.append(
            f"dropped by hand {dropped.dropped_files:,} files, {dropped.dropped_rows:,} rows"
        )
    return lines


def as_json(seen: Observation, judgement: Judgement) -> dict[str, Any]:
    ledger = seen.ledger
    return {
        "state": judgement.state.name,
        "sentence": judgement.sentence,
        "problems": list(judgement.problems),
        "freshness_seconds": judgement.fresh_seconds,
        "target_seconds": judgement.target_seconds,
        "produced": judgement.produced,
        "loaded": judgement.loaded,
        "rejected": judgement.rejected,
        "in_flight": judgement.in_flight,
        "dead_letters": seen.log.dead_letters if seen.log else None,
        "dropped": {"files": ledger.dropped_files, "rows": ledger.dropped_rows} if ledger else None,
        "servers": {s.name: {"ok": s.ok, "detail": s.detail} for s in seen.servers},
        "instances": [
            {"name": i.name, "service": i.service, "state": i.state, "detail": i.detail}
            for i in seen.instances
        ],
        "stages": [
            dict(zip((h.lower() for h in HEADINGS), stage.cells(), strict=True))
            for stage in stages(seen, judgement)
        ],
        "at": seen.at.isoformat(),
    }


def told(instances: Iterable[InstanceSeen]) -> dict[str, dict[str, str]]:
    """What the services say of their own work, by service; a down one says nothing."""
    details: dict[str, dict[str, str]] = {}
    about = [(i.service, i.about) for i in instances if i.about]
    windows = [a.get("backlog_windows") or 0 for name, a in about if name == "generator"]
    files = [a.get("backlog_files") or 0 for name, a in about if name == "loader"]
    partitions = [p for name, a in about if name == "s3-sink" for p in a["partitions"].values()]
    if windows:
        details["generator"] = {"backlog": _count(sum(windows), "window")}
    if files:
        details["loader"] = {"backlog": _count(sum(files), "file")}
    if partitions:
        events = sum(p["next"] - p["head"] for p in partitions)
        ages = [p["open"]["age_seconds"] for p in partitions if "open" in p]
        details["s3-sink"] = {
            "backlog": f"{_count(events, 'event')} open",
            "oldest": span(max(ages)) if ages else "-",
        }
    return details


def _count(number: int, what: str) -> str:
    return f"{number:,} {what}{'s' * (number != 1)}"


def _age(seen: Observation, since: Any) -> str:
    return "-" if since is None else span(max(0.0, (seen.at - since).total_seconds()))


def _errors(instances: Iterable[InstanceSeen]) -> str:
    counts = [i.errors_last_hour for i in instances if i.errors_last_hour is not None]
    return str(sum(counts)) if counts else "-"
