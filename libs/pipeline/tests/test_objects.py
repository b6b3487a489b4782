"""Keys and metadata of archived objects say the same on both ways."""

from dataclasses import replace
from datetime import UTC, datetime

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pipeline.contracts.objects import ObjectMetadata, object_key, parse_key
from pipeline.errors import Poison

AT_MS = 1_795_428_900_999  # 2026-11-23T10:15:00.999Z
KEY = (
    "sales_batch_topic/date=2026-11-23/hour=10/"
    "sales_batch_20261123T101500Z-p00003-o00000000000000012345.json.gz"
)
METADATA = ObjectMetadata(
    topic="sales_batch_topic", partition=3, start=12345, end=12350, count=4, rejected=1, skipped=0,
    first_event_time="2026-11-23T10:14:07.123Z", last_event_time="", min_timestamp=AT_MS,
    max_timestamp=AT_MS, raw_bytes=2000, sha256="ab" * 32, first_record_crc="00c0ffee",
    schema_version="1", cluster_id="c", topic_epoch="1", cut_reason="age", writer="w",
)  # fmt: skip


def test_a_key_says_topic_hour_second_partition_and_offset() -> None:
    assert object_key("sales_batch_topic", 3, 12345, AT_MS, "json.gz") == KEY


@pytest.mark.parametrize(
    ("timestamp_ms", "stamp"),
    [
        (-1, "19700101T000000Z"),  # Kafka knows none
        (-(10**15), "19700101T000000Z"),
        (0, "19700101T000000Z"),
        (999, "19700101T000000Z"),
        (253_402_300_799_000, "99991231T235959Z"),
        (253_402_300_800_000, "19700101T000000Z"),  # the year 10000
        (2**63 - 1, "19700101T000000Z"),
    ],
)
def test_a_time_that_no_calendar_holds_counts_as_the_epoch(timestamp_ms: int, stamp: str) -> None:
    key = object_key("t", 0, 0, timestamp_ms, "json.gz")
    assert f"_{stamp}-" in key
    assert f"date={stamp[:4]}-{stamp[4:6]}-{stamp[6:8]}/hour={stamp[9:11]}/" in key
    assert parse_key(key) is not None


@given(
    prefix=st.sampled_from(["", "archive/", "a/b=c/"]),
    partition=st.integers(0, 2**31 - 1),
    offset=st.integers(0, 2**63 - 1),
    timestamp_ms=st.integers(-1, 2**63 - 1),
    extension=st.sampled_from(["json.gz", "json", "csv.zst", "parquet"]),
)
def test_a_key_is_read_as_it_was_written(
    prefix: str, partition: int, offset: int, timestamp_ms: int, extension: str
) -> None:
    key = object_key("a.b-c_d", partition, offset, timestamp_ms, extension, prefix)
    name = parse_key(key)
    assert name is not None
    assert (name.prefix, name.topic, name.extension) == (prefix, "a.b-c_d", extension)
    assert (name.partition, name.offset) == (partition, offset)
    again = int(name.at.timestamp() * 1000)
    assert object_key(name.topic, partition, offset, again, extension, prefix) == key


def test_keys_of_a_partition_sort_by_offset_within_their_hour() -> None:
    keys = [object_key("t", 0, offset, AT_MS, "json") for offset in (0, 9, 10, 99, 10**12)]
    assert keys == sorted(keys)


@pytest.mark.parametrize(
    "key",
    [
        "",
        "by-hand/sales.json",
        KEY + "/",
        KEY.replace("-p00003", "-p3"),
        KEY.replace("20261123T101500Z", "20261323T101500Z"),  # a thirteenth month
        KEY.replace("20261123T101500Z", "20261123T109900Z"),
        KEY.replace("00012345", "0001234٥"),
        KEY.removesuffix(".json.gz"),
    ],
)
def test_somebody_s_own_key_says_nothing(key: str) -> None:
    assert parse_key(key) is None


def test_a_key_says_the_time_of_its_first_record() -> None:
    name = parse_key(KEY)
    assert name is not None
    assert name.at == datetime(2026, 11, 23, 10, 15, tzinfo=UTC)


def test_metadata_survive_the_headers() -> None:
    assert ObjectMetadata.from_headers(METADATA.to_headers()) == METADATA
    shouted = {name.title(): value for name, value in METADATA.to_headers().items()}
    assert ObjectMetadata.from_headers(shouted) == METADATA


def test_headers_are_ascii_text() -> None:
    for name, value in METADATA.to_headers().items():
        assert isinstance(value, str)
        assert (name + value).isascii()
        assert "_" not in name  # proxies drop such headers


def test_a_store_may_drop_headers_without_a_value() -> None:
    headers = {name: value for name, value in METADATA.to_headers().items() if value}
    assert ObjectMetadata.from_headers(headers) == METADATA


@pytest.mark.parametrize("headers", [{}, {"author": "me"}, {"v": "1"}, {"topic": "t"}])
def test_an_object_of_somebody_else_has_none(headers: dict[str, str]) -> None:
    assert ObjectMetadata.from_headers(headers) is None


def test_half_written_metadata_are_poison_and_name_what_is_missing() -> None:
    optional = {"first-event-time", "last-event-time"}
    for name in METADATA.to_headers().keys() - {"v", "topic"} - optional:
        headers = METADATA.to_headers()
        del headers[name]
        with pytest.raises(Poison, match=name) as poison:
            ObjectMetadata.from_headers(headers)
        assert poison.value.reason == "bad_metadata"


@pytest.mark.parametrize(
    "changes",
    [
        {"v": "2"},
        {"start": "x"},
        {"count": ""},
        {"start": "7", "end": "7"},
        {"start": "8", "end": "7"},
        {"start": "-1"},
        {"end": str(2**48 + 1)},
    ],
)
def test_metadata_that_cannot_be_are_poison(changes: dict[str, str]) -> None:
    with pytest.raises(Poison) as poison:
        ObjectMetadata.from_headers(METADATA.to_headers() | changes)
    assert poison.value.reason == "bad_metadata"


def test_more_headers_do_no_harm() -> None:
    assert ObjectMetadata.from_headers(METADATA.to_headers() | {"traceparent": "00-1"}) == METADATA
    assert replace(METADATA, count=0).to_headers()["count"] == "0"
