"""A healthy observation, spoilt in one place at a time."""

from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from salespipe.status import screen
from salespipe.status.judgement import State, judge, span
from salespipe.status.observation import (
    InstanceSeen,
    LedgerSeen,
    LogSeen,
    Observation,
    ServerSeen,
)

NOW = datetime(2026, 11, 23, 10, 41, tzinfo=UTC)
SERVICES = ("generator", "s3-sink", "loader", "transformer")


def ago(**span: float) -> datetime:
    return NOW - timedelta(**span)


def ledger(**changes: Any) -> LedgerSeen:
    healthy = LedgerSeen(
        now=NOW, heads={0: 50, 1: 46}, covered=96, loaded=90, rejected=6, dropped_files=0,
        dropped_rows=0, quarantined=0, held=0, untransformed=0, untransformed_since=None,
        newest_visible=ago(minutes=42), rows_last_minute=600, last_file="file 3 · 5 rows · 0.1 s",
        runs_last_minute=2, last_run="run 2 · 1 files · 0.6 s", rejects={"bad_time": 6},
        last_batch="20261123T0900Z-PT1H", last_batch_end=ago(minutes=41), last_batch_seconds=3600,
    )  # fmt: skip
    return replace(healthy, **changes)


def observation(**changes: Any) -> Observation:
    healthy = Observation(
        at=NOW,
        servers=tuple(ServerSeen(name, True) for name in ("kafka", "s3", "postgres")),
        instances=tuple(InstanceSeen(name, name, "ready", errors_last_hour=0) for name in SERVICES),
        wanted=dict.fromkeys(SERVICES, 1),
        log=LogSeen({0: 52, 1: 48}, {0: 40, 1: 0}, oldest_waiting=ago(seconds=6)),
        ledger=ledger(),
    )
    return replace(healthy, **changes)


def test_the_first_line_is_a_sentence_and_the_second_the_identity() -> None:
    seen = observation()
    first, second, *table = screen.as_lines(seen, judge(seen))
    assert first == "PIPELINE healthy · newest sale visible 42 min ago (target 62 min)"
    assert second == "produced 100 = 90 loaded + 6 rejected + 4 in flight"
    assert table[0].split() == list(screen.HEADINGS)
    assert table[1].startswith("generator")
    assert "batch 20261123T0900Z-PT1H" in table[1]


def test_an_hourly_schedule_is_not_late_before_its_hour_is_over() -> None:
    on_time = observation(ledger=ledger(last_batch_end=ago(minutes=61)))
    late = observation(ledger=ledger(last_batch_end=ago(minutes=63)))
    assert judge(on_time).state == State.healthy
    assert judge(late).state == State.degraded
    assert "overdue" in judge(late).sentence


@pytest.mark.parametrize("name", ["kafka", "s3", "postgres"])
def test_a_server_that_does_not_answer_is_down_and_named(name: str) -> None:
    servers = tuple(ServerSeen(n, n != name, "refused") for n in ("kafka", "s3", "postgres"))
    judged = judge(observation(servers=servers, ledger=None if name == "postgres" else ledger()))
    assert judged.state == State.down
    assert f"{name} is down: refused" in judged.sentence


def test_a_service_without_a_living_instance_is_down() -> None:
    instances = tuple(InstanceSeen(n, n, "down" if n == "loader" else "ready") for n in SERVICES)
    judged = judge(observation(instances=instances))
    assert judged.state == State.down
    assert "loader is down" in judged.problems


def test_one_of_two_instances_that_waits_degrades() -> None:
    more = InstanceSeen("loader-2", "loader", "waiting", "postgres: refused")
    seen = observation(
        instances=(*observation().instances, more), wanted={**observation().wanted, "loader": 2}
    )
    assert judge(seen).state == State.degraded
    assert "loader 1/2 ready: postgres: refused" in judge(seen).problems


@pytest.mark.parametrize(
    ("changes", "said"),
    [
        ({"quarantined": 1}, "1 file quarantined"),
        ({"held": 2}, "2 files held back"),
        ({"untransformed": 1, "untransformed_since": ago(minutes=5)}, "not in the marts"),
    ],
)
def test_what_is_set_aside_or_hangs_degrades(changes: dict[str, Any], said: str) -> None:
    judged = judge(observation(ledger=ledger(**changes)))
    assert judged.state == State.degraded
    assert said in judged.sentence


def test_an_event_that_waits_too_long_degrades() -> None:
    log = LogSeen({0: 52, 1: 48}, {}, oldest_waiting=ago(minutes=4))
    assert "an event waits since 4 min" in judge(observation(log=log)).sentence


def test_a_stopped_stack_is_down() -> None:
    assert judge(observation(phase="stopped")).state == State.down


def test_json_has_the_identity_and_every_stage() -> None:
    seen = observation()
    found = screen.as_json(seen, judge(seen))
    assert found["produced"] == found["loaded"] + found["rejected"] + found["in_flight"]
    assert [stage["stage"] for stage in found["stages"]] == list(screen.STAGES)


@pytest.mark.parametrize(
    ("seconds", "text"), [(38, "38 s"), (600, "10 min"), (9000, "2.5 h"), (864_000, "10 d")]
)
def test_spans(seconds: float, text: str) -> None:
    assert span(seconds) == text


def sink(**partitions: dict[str, Any]) -> InstanceSeen:
    return InstanceSeen("s3-sink", "s3-sink", "ready", about={"partitions": partitions})


def test_the_sink_tells_what_it_holds() -> None:
    waiting: dict[str, Any] = {
        "head": 10,
        "next": 35,
        "stopped": None,
        "open": {"age_seconds": 4.2},
    }
    idle: dict[str, Any] = {"head": 7, "next": 7, "stopped": None}
    assert screen.told([sink(**{"0": waiting, "1": idle})]) == {
        "s3-sink": {"backlog": "25 events open", "oldest": "4 s"}
    }


def test_a_partition_that_waits_for_a_person_is_a_problem() -> None:
    seen = observation(instances=(sink(**{"3": {"head": 1, "next": 1, "stopped": "a gap"}}),))
    judged = judge(seen)
    assert judged.state is not State.healthy
    assert "s3-sink: partition 3 stands still: a gap" in judged.problems
