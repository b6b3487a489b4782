"""The oracle in small made-up worlds: it is silent where all is well, and names each breach."""

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from faults.oracle import events, ledger, marts
from faults.oracle.evidence import Cell, Evidence, LedgerFile, StoredObject
from faults.oracle.judge import judge, pending

E, P = events.EVENT, events.POISON
OTHER = 0x8123456789ABCDEF  # another producer's


def idents(*numbers: int) -> events.Idents:
    return np.array(numbers, np.uint64)


def sound() -> Evidence:
    """Two partitions, three files; event 2 was sent twice, message 5 is poison."""
    log = {
        0: idents(E | 1, E | 2, P | 5, E | 3),
        1: idents(E | 2, OTHER, E | 4),
    }
    fact = idents(E | 1, E | 2, E | 3, E | 4, OTHER)
    spans = ((1, 0, 0, 2), (2, 0, 2, 4), (3, 1, 0, 3))  # file, partition, range
    objects = [
        StoredObject(f"k{f}", f"e{f}", p, a, b, b - a, f"s{f}", f"s{f}", log[p][a:b])
        for f, p, a, b in spans
    ]
    rejected = {2: 1}
    files = [
        LedgerFile(f, f"k{f}", f"e{f}", "loaded", p, a, b, b - a - rejected.get(f, 0),
                   rejected.get(f, 0), f"s{f}", ((a, b),))
        for f, p, a, b in spans
    ]  # fmt: skip
    rows = {
        1: (np.array([1, 2]), idents(E | 1, E | 2)),
        2: (np.array([2]), idents(E | 3)),
        3: (np.array([1, 2, 3]), idents(E | 2, OTHER, E | 4)),
    }
    acks = [
        (E | 1, 0, 0),
        (E | 2, 0, 1),
        (P | 5, 0, 2),
        (E | 3, 0, 3),
        (E | 2, 1, 0),
        (E | 4, 1, 2),
    ]
    return Evidence(
        until={0: 4, 1: 3},
        attempted=idents(E | 1, E | 2, E | 2, P | 5, E | 3, E | 4, E | 6),
        acked=np.array(acks, ledger.ACK),
        log=log,
        objects=objects,
        committed={0: 4, 1: 0},
        files=files,
        rows=rows,
        rejects={2: np.array([1])},
        raw_rows=6,
        fact=fact,
        marts=summed(fact),
        others=dict.fromkeys(marts.GRAIN, 1),
        manifests={"b": 1},
        batches={"b": 1},
    )


def summed(fact: events.Idents) -> list[Cell]:
    return [
        Cell(mart, place, *sums)
        for mart, grain in marts.GRAIN.items()
        for place, sums in marts.expected(events.driven(fact), grain).items()
    ]


def test_it_is_silent_where_all_is_well() -> None:
    assert judge(sound()) == []
    assert pending(sound(), {}, {*sound().fact.tolist()}) == {}


def lost_in_kafka(seen: Evidence) -> None:
    seen.log[0] = seen.log[0][:3]


def lost_before_the_object(seen: Evidence) -> None:
    del seen.objects[1], seen.files[1], seen.rows[2], seen.rejects[2]
    seen.raw_rows, seen.committed = 5, {0: 2}


def lost_before_the_ledger(seen: Evidence) -> None:
    del seen.files[1], seen.rows[2], seen.rejects[2]
    seen.raw_rows = 5


def lost_in_raw(seen: Evidence) -> None:
    seen.rows[1] = (np.array([1]), idents(E | 1))
    seen.raw_rows = 5


def lost_in_the_fact(seen: Evidence) -> None:
    seen.fact = seen.fact[1:]
    seen.marts = summed(seen.fact)


def doubled_in_kafka(seen: Evidence) -> None:
    seen.attempted = idents(*np.unique(seen.attempted))


def doubled_in_raw(seen: Evidence) -> None:
    again = replace(seen.files[0], file_id=9)
    seen.files.append(again)
    seen.rows[9] = seen.rows[1]
    seen.raw_rows = 8


def rows_of_no_file(seen: Evidence) -> None:
    seen.raw_rows = 7


def doubled_in_the_fact(seen: Evidence) -> None:
    seen.fact = np.append(seen.fact, seen.fact[:1])
    seen.marts = summed(seen.fact)


def sent_by_nobody(seen: Evidence) -> None:
    seen.attempted = seen.attempted[1:]


def made_up_in_the_fact(seen: Evidence) -> None:
    seen.fact = np.append(seen.fact, idents(E | 6))
    seen.marts = summed(seen.fact)


def another_event_in_its_place(seen: Evidence) -> None:
    seen.rows[1] = (np.array([1, 2]), idents(E | 2, E | 1))


def an_object_whose_bytes_are_others(seen: Evidence) -> None:
    seen.objects[0] = replace(seen.objects[0], sha256="x")


def an_object_with_a_line_too_few(seen: Evidence) -> None:
    seen.objects[0] = replace(seen.objects[0], idents=idents(E | 1))


def a_file_of_other_content(seen: Evidence) -> None:
    seen.files[0] = replace(seen.files[0], sha256="x")


def a_file_that_is_not_in_the_bucket(seen: Evidence) -> None:
    seen.objects[0] = replace(seen.objects[0], key="elsewhere")


def two_objects_that_overlap(seen: Evidence) -> None:
    seen.objects.append(replace(seen.objects[0], key="k8", start=1, count=1, idents=idents(E | 2)))


def a_hole_in_the_claims(seen: Evidence) -> None:
    seen.files[0] = replace(seen.files[0], spans=((0, 1),))


def a_commit_beyond_the_chain(seen: Evidence) -> None:
    seen.committed = {0: 5}


def a_mart_with_a_sale_too_many(seen: Evidence) -> None:
    seen.marts[0] = replace(seen.marts[0], events=seen.marts[0].events + 1)


def a_mart_without_other_producers(seen: Evidence) -> None:
    seen.others["mart_hourly_sales"] = 0


def a_manifest_that_promises_more(seen: Evidence) -> None:
    seen.manifests = {"b": 2}


def poison_that_was_loaded(seen: Evidence) -> None:
    seen.rejects.clear()
    seen.rows[2] = (np.array([1, 2]), idents(P | 5, E | 3))
    seen.raw_rows = 7


def a_good_event_that_was_refused(seen: Evidence) -> None:
    seen.rejects[1] = np.array([1])
    seen.rows[1] = (np.array([2]), idents(E | 2))
    seen.raw_rows = 5


def rubbish_without_a_dead_letter(seen: Evidence) -> None:
    seen.rubbish_sent = {b"rubbish"}


def a_dead_letter_for_nothing(seen: Evidence) -> None:
    seen.dead_letters = [("file", b"a file")]


def a_secret_in_a_log(seen: Evidence) -> None:
    seen.leaks = ["loader.log"]


@pytest.mark.parametrize(
    ("breach", "named"),
    [
        (lost_in_kafka, "I1 Kafka: event 3 at 0:3"),
        (lost_before_the_object, "I1 object: event 3 at 0:3 lost"),
        (lost_before_the_ledger, "I1 ledger: event 3 at 0:3 lost"),
        (lost_in_raw, "I1 raw: event 2 at 0:1 lost"),
        (lost_in_the_fact, "I1 mart: event 1 lost"),
        (doubled_in_kafka, "I2 Kafka: event 2 at more offsets than it was sent"),
        (doubled_in_raw, "I2 raw: event 1 at 0:0 there more than once"),
        (doubled_in_raw, "I4 ledger: k1 (e1) is loaded 2 times"),
        (rows_of_no_file, "I2 raw: 7 rows in the table, 6 of them"),
        (doubled_in_the_fact, "I2 mart: event 1 counts more than once"),
        (sent_by_nobody, "I3 raw: event 1 nobody sent it"),
        (sent_by_nobody, "I3 Kafka: event 1 nobody sent it"),
        (made_up_in_the_fact, "I3 mart: event 6 in the fact and not in raw"),
        (another_event_in_its_place, "I3 raw: event 1 at 0:0 raw has another event"),
        (an_object_whose_bytes_are_others, "I4 object: k1: its bytes are not"),
        (an_object_with_a_line_too_few, "I4 object: k1: 1 lines for [0, 2)"),
        (a_file_of_other_content, "I4 ledger: k1 is not as the ledger has it"),
        (a_file_that_is_not_in_the_bucket, "I4 ledger: k1 is loaded and not in the bucket"),
        (two_objects_that_overlap, "I5 object: at 0:2 an overlap"),
        (a_hole_in_the_claims, "I5 ledger: at 0:1 a hole"),
        (a_commit_beyond_the_chain, "I5 object: at 0:5 committed 5, the chain ends at 4"),
        (a_mart_with_a_sale_too_many, "I6 mart: mart_hourly_sales"),
        (a_mart_without_other_producers, "I6 mart: mart_hourly_sales counts 0"),
        (a_manifest_that_promises_more, "I6 Kafka: batch b: 2 promised, 1 in the log"),
        (poison_that_was_loaded, "I7 raw: poison 5 at 0:2 poison was loaded"),
        (a_good_event_that_was_refused, "I7 reject: event 1 at 0:0 a good event was refused"),
        (rubbish_without_a_dead_letter, "I7 dead letters: no dead letter for b'rubbish'"),
        (a_dead_letter_for_nothing, "I7 dead letters: a file that nobody broke"),
        (a_secret_in_a_log, "I9 log: a secret is in loader.log"),
    ],
)
def test_each_breach_is_named(breach: Callable[[Evidence], None], named: str) -> None:
    seen = sound()
    breach(seen)
    assert [text for text in map(str, judge(seen)) if text.startswith(named)], judge(seen)


def test_what_is_beyond_the_mark_may_be_on_its_way() -> None:
    seen = sound()
    seen.log[0] = np.append(seen.log[0], idents(E | 6))
    assert judge(seen) == []
    seen.until[0] = 5
    counted = {*seen.fact.tolist()}
    assert pending(seen, {}, counted) == pending(seen, {0: 3}, counted) == {"raw": 1, "mart": 1}
    seen.until[0] = 4
    assert pending(seen, {0: 3}, counted) == {}
    seen.until[0] = 5
    assert {finding.invariant for finding in judge(seen)} == {"I1"}


def test_an_event_s_message_and_its_sums_are_functions_of_its_number() -> None:
    assert events.ident_of(b"S001", events.value(123)) == E | 123
    assert events.ident_of(events.key(P | 7), b"no sale") == P | 7
    assert events.ident_in(events.poison(9)) == 0
    assert b'"quantity":1,"net_amount":0.01,"currency":"XTS"' in events.value(0)
    total = marts.expected(idents(E, E | 1), ("hour",))
    assert list(total.values()) == [(2, 3000, 1 + 38)]


def test_a_torn_record_of_the_ledger_is_none(tmp_path: Path) -> None:
    written = ledger.Ledger(tmp_path)
    written.attempt([E | 1, E | 2])
    written.acknowledged([(E | 1, 3, 44)])
    with (tmp_path / "acks").open("ab") as file:
        file.write(b"half")
    assert ledger.attempts(tmp_path).tolist() == [E | 1, E | 2]
    assert ledger.acks(tmp_path).tolist() == [(E | 1, 3, 44)]
