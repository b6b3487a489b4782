"""Notifications: what each shape means, and that no bytes at all make the parser break.

The shapes as stores send them are recorded under tests/contracts/notifications.
"""

import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pipeline.errors import Poison
from pipeline.s3_events import ObjectCreated, parse


def aws(key: str = "a.json", name: str = "ObjectCreated:Put", **stored: Any) -> dict[str, Any]:
    return {"eventName": name, "s3": {"bucket": {"name": "b"}, "object": {"key": key, **stored}}}


def told(*records: dict[str, Any]) -> list[ObjectCreated]:
    return parse(json.dumps({"Records": records}).encode())


@pytest.mark.parametrize(
    ("sent", "meant"),
    [
        ("a%2Fb.json", "a/b.json"),
        ("a+b", "a b"),
        ("a%2Bb", "a+b"),
        ("a%252Bb", "a%2Bb"),  # once, not until nothing is left to decode
        ("date%3D2026-11-23", "date=2026-11-23"),
        ("caf%C3%A9", "café"),
        ("100%25", "100%"),
    ],
)
def test_keys_are_decoded_once(sent: str, meant: str) -> None:
    assert [created.key for created in told(aws(sent))] == [meant]


def test_keys_of_event_bridge_and_of_a_filer_are_as_they_are() -> None:
    detail = {"bucket": {"name": "b"}, "object": {"key": "a+b%2F"}}
    bridge = json.dumps({"detail-type": "Object Created", "detail": detail}).encode()
    assert parse(bridge) == [ObjectCreated("b", "a+b%2F")]
    assert parse(b"anything", b"/buckets/b/a+b%2F") == [ObjectCreated("b", "a+b%2F")]


def test_what_the_store_tells_is_kept() -> None:
    (created,) = told(aws(size=7, eTag='"abc-2"', sequencer="0055"))
    assert created == ObjectCreated("b", "a.json", 7, "abc-2", "0055")
    assert told(aws()) == [ObjectCreated("b", "a.json")]


def test_each_record_counts_and_other_events_do_not() -> None:
    names = ["s3:ObjectCreated:Put", "ObjectRemoved:Delete", "ObjectCreated:Copy", "s3:TestEvent"]
    assert [c.key for c in told(*(aws(name, name) for name in names))] == [names[0], names[2]]
    assert told() == []


@pytest.mark.parametrize(
    "path",
    [
        "/buckets",
        "/etc/x.json",
        "/buckets/b",
        "/buckets/b/",
        "/buckets/.system/owners/x",
        "/buckets/b/.uploads/7/0001.part",
    ],
)
def test_a_store_s_own_files_are_nobody_s_sales(path: str) -> None:
    assert parse(None, path.encode()) == []


@pytest.mark.parametrize(
    "value",
    [
        None,
        b"",
        b"null",
        b"[]",
        b"{}",
        b'"text"',
        b"no json",
        b"\xff\xfe",
        b'{"Records": null}',
        b'{"Records": [{}]}',
        b'{"Records": {"a": 1}}',
        b'{"Message": "no json"}',
        b'{"Message": "null"}',
        b'{"detail": {}}',
        b'{"detail-type": "Object Created", "detail": {"bucket": {"name": "b"}}}',
        b"[" * 100_000,
        json.dumps({"Records": [aws("a%00b")]}).encode(),
        json.dumps({"Records": [aws("%FF")]}).encode(),
        json.dumps({"Records": [aws("\ud800")]}).encode(),
        json.dumps({"Records": [aws("")]}).encode(),
        json.dumps({"Records": [aws(7)]}).encode(),  # type: ignore[arg-type]
        json.dumps({"Records": [aws(size="many")]}).encode(),
        b'{"Records": [%s]}' % json.dumps(aws(size=0)).replace("0}", "Infinity}").encode(),
    ],
)
def test_what_is_no_notification_is_poison(value: bytes | None) -> None:
    with pytest.raises(Poison) as poison:
        parse(value, b"b/a.json")
    assert poison.value.reason == "bad_notification"


@pytest.mark.parametrize(
    "path", [b"/buckets/b/\xff", b"/buckets/b/a\0b", b"/buckets/b/" + b"a" * 1025]
)
def test_a_filer_s_key_that_no_ledger_can_hold_is_poison(path: bytes) -> None:
    with pytest.raises(Poison):
        parse(None, path)


_JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(),
    lambda inner: st.lists(inner) | st.dictionaries(
        st.sampled_from(["Records", "Message", "detail", "detail-type", "eventName", "s3",
                         "object", "bucket", "name", "key", "size", "Event"]), inner),
)  # fmt: skip


@given(value=st.binary() | _JSON.map(lambda v: json.dumps(v).encode()), key=st.none() | st.binary())
def test_nothing_breaks_the_parser(value: bytes, key: bytes | None) -> None:
    try:
        found = parse(value, key)
    except Poison:
        return
    assert all(created.bucket and created.key for created in found)
