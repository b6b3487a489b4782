"""Control messages survive the wire, and those of a newer sender are read."""

import base64
import json
from datetime import UTC, datetime, timedelta, timezone
from decimal import Decimal

import pytest

from pipeline.contracts.messages import (
    BatchManifest,
    DeadLetter,
    FileLoaded,
    Message,
    ModelsBuilt,
)
from pipeline.errors import Poison

AT = datetime(2026, 11, 23, 10, 14, 7, 123456, UTC)
MESSAGES: list[Message] = [
    BatchManifest(
        batch_id="20261123T1000Z-PT1H", producer="generator", window_start=AT,
        window_end=AT + timedelta(hours=1), event_count=3, message_count=4,
        quantity_sum=Decimal("-0.125"),
        net_amount_sum={"USD": Decimal("12345678901234567890.1200"), "EUR": Decimal(0)},
        injected={"duplicate": 1}, seed=42, generator_version="1.0.0", knobs={"rate": 0.5},
        published_at=AT,
    ),
    FileLoaded(
        file_id=2**40, kind="superseded", bucket="b", key="a b/ü.json", etag="e", rows_loaded=1,
        rows_rejected=0, batch_ids=["x"], event_time_min=AT, event_time_max=AT, at=AT,
    ),
    ModelsBuilt(run_id=1, file_count=0, rows_new=0, hours=[AT], published_at=AT),
    DeadLetter(
        source="s3-sink", kind="message", reason="too_large", origin={"topic": "t", "offset": 3},
        payload=DeadLetter.encode_payload(b"\xff\0"), at=AT,
    ),
]  # fmt: skip


@pytest.mark.parametrize("message", MESSAGES, ids=lambda m: type(m).__name__)
def test_a_message_survives_the_wire(message: Message) -> None:
    assert type(message).from_bytes(message.to_bytes()) == message


@pytest.mark.parametrize("message", MESSAGES, ids=lambda m: type(m).__name__)
def test_fields_of_a_newer_sender_are_ignored(message: Message) -> None:
    newer = json.loads(message.to_bytes()) | {"since_version_9": {"a": [1]}}
    assert type(message).from_bytes(json.dumps(newer).encode()) == message


@pytest.mark.parametrize(
    "value",
    [None, b"", b"null", b"[]", b"{}", b"no json", b"\xff", b'{"file_id":"x"}'],
)
def test_what_is_no_such_message_is_poison(value: bytes | None) -> None:
    for cls in (BatchManifest, FileLoaded, ModelsBuilt, DeadLetter):
        with pytest.raises(Poison) as poison:
            cls.from_bytes(value)
        assert poison.value.reason == "bad_message"


def test_amounts_are_text_on_the_wire_and_keep_every_digit() -> None:
    wire = json.loads(MESSAGES[0].to_bytes())
    assert wire["quantity_sum"] == "-0.125"
    assert wire["net_amount_sum"]["USD"] == "12345678901234567890.1200"


def test_a_time_without_an_offset_is_refused() -> None:
    wire = json.loads(MESSAGES[2].to_bytes())
    for change in ({"published_at": "2026-11-23T10:14:07"}, {"hours": ["2026-11-23T10:00:00"]}):
        with pytest.raises(Poison):
            ModelsBuilt.from_bytes(json.dumps(wire | change).encode())
    elsewhere = AT.astimezone(timezone(timedelta(hours=2))).isoformat()
    again = ModelsBuilt.from_bytes(json.dumps(wire | {"published_at": elsewhere}).encode())
    assert again.published_at == AT


def test_a_dead_letter_carries_any_bytes() -> None:
    assert DeadLetter.encode_payload(None) is None
    assert base64.b64decode(DeadLetter.encode_payload(b"\xff\0") or "") == b"\xff\0"
