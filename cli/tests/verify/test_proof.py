"""A small pipeline in which everything agrees, spoilt in one place at a time."""

from dataclasses import replace
from datetime import UTC, datetime
from decimal import Decimal
from typing import Any

import pytest

from pipeline.contracts.messages import BatchManifest
from pipeline.contracts.objects import ObjectMetadata
from salespipe.verify import report
from salespipe.verify.evidence import (
    BatchOfRaw,
    Evidence,
    Finding,
    LedgerFile,
    StoredObject,
    Totals,
    Warehouse,
)
from salespipe.verify.proof import Proof, prove

NOW = datetime(2026, 11, 23, 11, tzinfo=UTC)
TOPIC = "sales_batch_topic"
ALL = Totals(29, Decimal(29), {"USD": Decimal("58.00")})


def stored(start: int, end: int, **changes: Any) -> StoredObject:
    values: dict[str, Any] = {
        "topic": TOPIC, "partition": 0, "start": start, "end": end, "count": end - start,
        "rejected": 0, "skipped": 0, "first_event_time": "", "last_event_time": "",
        "min_timestamp": 0, "max_timestamp": 0, "raw_bytes": 1, "sha256": "", "writer": "",
        "first_record_crc": "", "schema_version": "1", "cluster_id": "", "topic_epoch": "1",
        "cut_reason": "age",
    }  # fmt: skip
    return StoredObject(f"o{start}", f"etag{start}", ObjectMetadata(**{**values, **changes}))


def loaded(file_id: int, start: int, end: int, **changes: Any) -> LedgerFile:
    file = LedgerFile(
        file_id=file_id, key=f"o{start}", etag=f"etag{start}", state="loaded", has_range=True,
        part=0, start=start, end=end, range_start=start, range_end=end, rows_loaded=end - start,
        rows_rejected=0, reason="",
    )  # fmt: skip
    return replace(file, **changes)


def manifest(batch_id: str = "b1", **changes: Any) -> BatchManifest:
    values: dict[str, Any] = {
        "batch_id": batch_id, "producer": "generator", "window_start": NOW, "window_end": NOW,
        "event_count": 29, "message_count": 31, "quantity_sum": Decimal("29.000"),
        "net_amount_sum": {"USD": Decimal("58.0")}, "published_at": NOW,
    }  # fmt: skip
    return BatchManifest(**{**values, **changes})


def warehouse(**changes: Any) -> Warehouse:
    """31 records: 10, then 20 with one rejected, then 1; one event came twice."""
    values: dict[str, Any] = {
        "files": (
            loaded(1, 0, 10),
            loaded(2, 10, 30, rows_loaded=19, rows_rejected=1),
            loaded(3, 30, 31),
        ),
        "raw_rows": {1: 10, 2: 19, 3: 1},
        "reject_rows": {2: 1},
        "fact": ALL,
        "marts": {"mart_hourly_sales": ALL},
        "fact_batches": {"b1": ALL},
        "manifests": {"b1": manifest()},
    }
    return Warehouse(**{**values, **changes})


def evidence(**changes: Any) -> Evidence:
    values: dict[str, Any] = {
        "asked": {0: 31},
        "ends": {0: 31},
        "objects": (stored(0, 10), stored(10, 30), stored(30, 31)),
        "warehouse": warehouse(),
        "sent_manifests": {"b1": manifest()},
        "covered": True,
        "topic": TOPIC,
    }
    return Evidence(**{**values, **changes})


def only_difference(proof: Proof) -> str:
    assert len(proof.differences) == 1, proof.differences
    difference = proof.differences[0]
    return f"{difference.hop} | {difference.message}"


def test_the_identity_of_a_pipeline_in_which_everything_agrees() -> None:
    proof = prove(evidence())
    assert proof.ok
    assert proof.produced == 31 == proof.loaded + proof.rejected + proof.in_flight
    assert (proof.loaded, proof.rejected, proof.in_flight) == (30, 1, 0)
    assert (proof.archived, proof.repeats) == (31, 1)


def test_events_that_arrived_meanwhile_are_in_flight_and_no_difference() -> None:
    moving = evidence(ends={0: 50}, objects=(*evidence().objects, stored(31, 40)))
    proof = prove(moving)
    assert proof.ok
    assert proof.in_flight == 19


def test_what_was_asked_for_and_did_not_arrive_in_time_is_a_difference() -> None:
    late = evidence(asked={0: 33}, ends={0: 33}, covered=False, waited_seconds=90)
    assert only_difference(prove(late)).startswith("kafka → ledger | 2 acknowledged events")
    assert prove(replace(late, covered=None)).ok


def test_an_object_removed_from_the_bucket() -> None:
    gone = prove(evidence(objects=(stored(0, 10), stored(30, 31))))
    said = [(d.hop, d.partition, d.start, d.end, d.file_id) for d in gone.differences]
    assert ("kafka → bucket", 0, 10, 30, None) in said
    assert ("bucket → ledger", 0, 10, 30, 2) in said


def test_an_object_that_was_overwritten() -> None:
    other = StoredObject("o30", "other", stored(30, 31).metadata)
    found = prove(evidence(objects=(*evidence().objects[:2], other)))
    assert any("overwritten" in d.message and d.key == "o30" for d in found.differences)


def test_two_objects_that_overlap() -> None:
    found = prove(evidence(objects=(stored(0, 11, count=11), *evidence().objects[1:])))
    assert any("overlaps o0 in offsets 10–10" in d.message for d in found.differences)


def test_an_object_that_holds_less_than_its_range() -> None:
    short = stored(30, 31, count=0)
    found = prove(evidence(objects=(*evidence().objects[:2], short)))
    assert any("holds 0 of the 1 records" in d.message for d in found.differences)


def test_refusals_of_the_sink_count_as_rejected_and_skipped_ones_as_skipped() -> None:
    objects = (stored(0, 10, count=7, rejected=2, skipped=1), *evidence().objects[1:])
    files = (loaded(1, 0, 10, rows_loaded=7), *warehouse().files[1:])
    raw = {1: 7, 2: 19, 3: 1}
    proof = prove(evidence(objects=objects, warehouse=warehouse(files=files, raw_rows=raw)))
    assert proof.ok
    assert (proof.loaded, proof.rejected, proof.skipped) == (27, 3, 1)


def passed_over(**changes: Any) -> Evidence:
    """The second object is not loaded, the third is."""
    files = (warehouse().files[0], warehouse().files[2])
    fact = Totals(11, Decimal(11), {"USD": Decimal(11)})
    seen = warehouse(
        files=files, raw_rows={1: 10, 3: 1}, reject_rows={}, fact=fact, marts={},
        fact_batches={"": fact},
    )  # fmt: skip
    return evidence(**{"warehouse": seen, "sent_manifests": {}, **changes})


def test_an_object_that_was_passed_over_is_a_difference_once_its_time_is_over() -> None:
    found = prove(passed_over(covered=False))
    texts = [(d.hop, d.partition, d.start, d.end) for d in found.differences]
    assert texts == [("bucket → ledger", 0, 10, 30), ("kafka → ledger", 0, 10, 30)]
    assert found.in_flight == 20


def test_files_load_in_any_order_so_a_young_gap_is_in_flight() -> None:
    moving = prove(passed_over(asked={0: 10}, covered=True))
    assert moving.ok
    assert (moving.produced, moving.loaded, moving.in_flight) == (31, 11, 20)


def test_a_file_that_an_operator_withdrew_is_a_term_of_its_own() -> None:
    out = loaded(2, 10, 30, state="superseded", range_start=None, range_end=None, batch_ids=("b1",))
    seen = passed_over()
    files = (*seen.warehouse.files, out)
    proof = prove(
        replace(
            seen,
            warehouse=replace(seen.warehouse, files=files),
            sent_manifests={"b1": manifest()},
        )
    )
    assert proof.ok
    assert (proof.loaded, proof.withdrawn, proof.in_flight) == (11, 20, 0)


def test_a_quarantined_object_is_named_with_its_reason() -> None:
    held = loaded(
        2, 10, 30, state="quarantined", reason="bad_gzip", range_start=None, range_end=None
    )
    files = (warehouse().files[0], held, warehouse().files[2])
    found = prove(
        evidence(warehouse=warehouse(files=files, raw_rows={1: 10, 3: 1}, reject_rows={}))
    )
    assert any("file 2 is quarantined: bad_gzip" in d.message for d in found.differences)
    assert found.quarantined == ("file 2 (o10): bad_gzip",)


def test_a_row_that_is_missing_in_raw() -> None:
    found = prove(evidence(warehouse=warehouse(raw_rows={1: 9, 2: 19, 3: 1})))
    assert only_difference(found) == "ledger → raw | the ledger says 10 rows, raw has 9"
    assert found.differences[0].file_id == 1


def test_rows_of_a_file_that_is_not_loaded() -> None:
    found = prove(evidence(warehouse=warehouse(raw_rows={**warehouse().raw_rows, 9: 4})))
    assert only_difference(found) == "ledger → raw | raw has 4 rows of a file that is not loaded"


def test_a_reject_that_is_missing() -> None:
    found = prove(evidence(warehouse=warehouse(reject_rows={})))
    assert only_difference(found) == "ledger → rejects | the ledger says 1 rows, rejects has 0"


def test_a_mart_that_does_not_add_up_to_the_fact() -> None:
    wrong = Totals(29, Decimal(29), {"USD": Decimal("58.01")})
    found = prove(evidence(warehouse=warehouse(marts={"mart_hourly_sales": wrong})))
    assert "revenue in USD 58.01 instead of 58.00" in only_difference(found)


def test_findings_of_the_warehouse_are_differences() -> None:
    finding = Finding("fact → mart_hourly_sales", "2026-11-23T10:00Z USD: …")
    assert only_difference(prove(evidence(warehouse=warehouse(findings=(finding,)))))


@pytest.mark.parametrize(
    "changes",
    [{"event_count": 30}, {"quantity_sum": Decimal(30)}, {"net_amount_sum": {"USD": Decimal(59)}}],
)
def test_a_batch_that_is_not_what_its_manifest_says(changes: dict[str, Any]) -> None:
    wrong = manifest(**changes)
    raw = {"b1": BatchOfRaw(ALL, in_fact=29, set_aside=0)}
    seen = warehouse(manifests={"b1": wrong}, raw_batches=raw)
    found = prove(evidence(warehouse=seen, sent_manifests={"b1": wrong}))
    assert only_difference(found).startswith("manifest → raw | the manifest says")
    assert found.differences[0].batch_id == "b1"


def test_events_of_a_batch_that_count_under_a_later_batch_are_no_difference() -> None:
    raw = {"b1": BatchOfRaw(ALL, in_fact=29, set_aside=0)}
    seen = warehouse(fact_batches={"b2": ALL}, raw_batches=raw)
    assert prove(evidence(warehouse=seen)).ok


def test_events_of_a_batch_that_never_reached_the_fact() -> None:
    raw = {"b1": BatchOfRaw(ALL, in_fact=27, set_aside=0)}
    found = prove(evidence(warehouse=warehouse(fact_batches={}, raw_batches=raw)))
    assert only_difference(found) == "raw → fact | 2 events are not in the fact"


def test_a_manifest_that_the_warehouse_never_received() -> None:
    found = prove(evidence(warehouse=warehouse(manifests={})))
    assert "ops.batch_manifest has not" in only_difference(found)


def test_a_glob_narrows_the_batches() -> None:
    sent = {"b1": manifest(), "import-1-0": manifest("import-1-0", event_count=5)}
    seen = evidence(sent_manifests=sent)
    assert not prove(seen).ok
    assert prove(seen, "b*").ok
    assert prove(seen, "b*").batches == 1


def test_dropped_files_are_a_line_of_their_own() -> None:
    by_hand = replace(
        loaded(4, 0, 5), key="mine.csv", etag="m", has_range=False, part=None, start=None,
        end=None, range_start=None, range_end=None,
    )  # fmt: skip
    seen = warehouse(
        files=(*warehouse().files, by_hand),
        raw_rows={**warehouse().raw_rows, 4: 5},
        fact=replace(ALL, events=34),
        marts={},
        fact_batches={"b1": ALL, "": Totals(5)},
    )
    mine = StoredObject("mine.csv", "m", None)
    new = StoredObject("new.csv", "n", None)
    proof = prove(evidence(warehouse=seen, objects=(*evidence().objects, mine, new)))
    assert proof.ok
    assert (proof.dropped.files, proof.dropped.rows, proof.dropped.waiting) == (1, 5, 1)
    assert (proof.produced, proof.loaded) == (31, 30)


def test_a_file_that_a_test_holds_back_is_named() -> None:
    held = replace(warehouse().files[2], held=True, held_reason="bad price")
    seen = warehouse(
        files=(*warehouse().files[:2], held),
        fact=replace(ALL, events=28),
        marts={},
        fact_batches={"b1": replace(ALL, events=28)},
        raw_batches={"b1": BatchOfRaw(ALL, in_fact=28, set_aside=1)},
    )
    proof = prove(evidence(warehouse=seen))
    assert proof.ok
    assert proof.held == ("file 3 (o30): bad price",)
    assert proof.set_aside_rows == 1


def test_the_report_names_the_place() -> None:
    proof = prove(evidence(warehouse=warehouse(raw_rows={1: 9, 2: 19, 3: 1})))
    text = report.as_text(proof, 1.2)
    assert "✘ 1 difference ·" in text
    assert "[partition 0, offsets 0–9, file 1, o0]" in text
    found = report.as_json(proof, 1.2)
    assert {"ok", "produced", "loaded", "rejected", "in_flight", "differences"} <= set(found)
    assert found["differences"][0]["file_id"] == 1
