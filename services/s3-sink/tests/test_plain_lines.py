"""What is made of a packed batch without an object a value is what the patient way makes of it."""

import gzip
from collections.abc import Sequence
from typing import Any

import pytest
from aiokafka.errors import CorruptRecordException
from aiokafka.record.default_records import DefaultRecordBatchBuilder
from hypothesis import given, reject, settings
from hypothesis import strategies as st

from s3_sink import plain_lines, undecoded
from s3_sink.encoders.json_lines import JsonLines
from s3_sink.encoders.packing import packing
from s3_sink.records import Records
from s3_sink.undecoded import HEADER_BYTES, Undecoded

NONE, GZIP, SNAPPY, LZ4, ZSTD = range(5)
Headers = Sequence[tuple[str, bytes | None]]
Record = tuple[bytes | None, bytes | None, Headers]  # key, value, headers

objects = st.binary(max_size=300).map(
    lambda text: b'{"occurred_at":"2026-11-23T10:14:07Z",%s}' % text.translate(None, b"\r\n")
)
ODD = (None, b"", b" ", b"1", b"{\n}", b"{\r}", b'{"a":\r\n1}', b"\xef\xbb\xbf{}", b"{}\n")
odd = st.one_of(st.sampled_from(ODD), st.binary(max_size=20))
headers = st.lists(
    st.tuples(st.text(max_size=3), st.one_of(st.none(), st.binary(max_size=90))), max_size=2
)
record = st.tuples(st.one_of(st.none(), st.binary(max_size=70)), objects, headers)
strange = st.tuples(st.none(), odd, headers)


def batch(records: Sequence[Record], codec: int = NONE) -> bytes:
    builder = DefaultRecordBatchBuilder(
        magic=2, compression_type=codec, is_transactional=0, producer_id=-1, producer_epoch=-1,
        base_sequence=-1, batch_size=1 << 24,
    )  # fmt: skip
    for offset, (key, value, of_it) in enumerate(records):
        assert builder.append(offset, 1000 + 7 * offset, key, value, of_it) is not None
    return bytes(builder.build())


def made_of(values: Sequence[bytes | None]) -> tuple[bytes, int, int, int] | None:
    """A file's lines, how many, their bytes as they came, how many are altered; None if corrupt."""
    encoder = JsonLines(packing("gzip"))
    try:
        encoder.add([Records(values, 0, 0)])
    except CorruptRecordException:
        return None
    text = gzip.decompress(encoder.finish())
    return text, encoder.count, encoder.raw_bytes, encoder.altered


def decoded(values: Undecoded) -> Sequence[bytes | None]:
    try:
        return list(values)
    except UnicodeDecodeError:  # a header's name, which nobody here reads
        reject()
    except CorruptRecordException:
        return Corrupt()


class Corrupt(list[bytes | None]):
    def __iter__(self) -> Any:
        raise CorruptRecordException


@settings(max_examples=200, deadline=None, derandomize=True)
@given(
    st.lists(st.one_of(record, record, record, strange), min_size=1, max_size=30),
    st.sampled_from([NONE, GZIP, LZ4, ZSTD]), st.integers(0, 30), st.integers(0, 30),
    st.sampled_from([128, 400, 1000, 256 << 10]),
)  # fmt: skip
def test_the_same_lines_as_of_decoded_values(
    records: list[Record], codec: int, first: int, last: int, room: int
) -> None:
    values = Undecoded(batch(records, codec), min(first, last, len(records)),
                       min(max(first, last), len(records)))  # fmt: skip
    wanted = [value for _, value, _ in records[values.first : values.last]]
    plain_lines._own.room = bytearray(room)
    assert made_of(values) == made_of(wanted)


@pytest.mark.parametrize("value", ODD)
@pytest.mark.parametrize("place", [0, 2, 4])
def test_an_odd_value_among_plain_ones(value: bytes | None, place: int) -> None:
    values: list[bytes | None] = [b'{"n":1}'] * 4
    values.insert(place, value)
    packed = batch([(None, v, []) for v in values])
    for first in range(5):
        assert made_of(Undecoded(packed, first, 5)) == made_of(values[first:])


@settings(max_examples=300, deadline=None, derandomize=True)
@given(
    st.lists(record, min_size=1, max_size=4), st.integers(0), st.integers(1, 255),
    st.sampled_from([128, 256 << 10]),
)  # fmt: skip
def test_a_damaged_batch_is_judged_as_the_patient_way_does(
    records: list[Record], where: int, how: int, room: int
) -> None:
    damaged = bytearray(batch(records))
    damaged[HEADER_BYTES + where % (len(damaged) - HEADER_BYTES)] ^= how
    values = Undecoded(bytes(damaged), 0, len(records))
    wanted = made_of(decoded(values))
    plain_lines._own.room = bytearray(room)
    assert made_of(values) == wanted


def framed(*fields: int | bytes) -> bytes:
    """A record of these bytes and numbers, with its length before it."""
    text = b"".join(varint(f) if isinstance(f, int) else f for f in fields)
    return varint(len(text)) + text


def varint(number: int) -> bytes:
    number, made = (number << 1) ^ (number >> 63), b""
    while number > 0x7F:
        made += bytes([number & 0x7F | 0x80])
        number >>= 7
    return made + bytes([number])


_KEY = (1, b"k")
_VALUE = (2, b"{}")


@pytest.mark.parametrize(
    ("text", "taken"),
    [
        (framed(b"\0", 0, 0, *_KEY, *_VALUE, 0), 1),
        (framed(b"\0", 1 << 40, 0, -1, *_VALUE, 1, *_KEY, -1), 1),
        (framed(b"\0", 0, 0, *_KEY, *_VALUE, 0, b"more"), 0),
        (framed(b"\0", 0, 1, *_KEY, *_VALUE, 0), 0),  # another record's offset
        (framed(b"\0", 0, 0, *_KEY, 3, b"{}"), 0),  # no room for headers
        (framed(b"\0", 0, 0, 900, b"k", *_VALUE, 0), 0),
        (framed(b"\0", 0, 0, *_KEY, *_VALUE, -1), 0),
        (framed(b"\0", 0, 0, *_KEY, *_VALUE, 1, -1), 0),
        (framed(b"\0", 0, 0, *_KEY, *_VALUE, 2, *_KEY, 0), 0),
        (framed(b"\0", 0, 0, *_KEY, *_VALUE, 0)[:-1], 0),
        (framed(b"\x80", 0, 0, *_KEY, *_VALUE, 0), 0),  # attributes
        (varint(0), 0),
        (varint(-5), 0),
        (b"\x80" * 20, 0),
        (framed(b"\0" + b"\xff" * 12, 0, *_KEY, *_VALUE, 0), 0),
        (b"", 0),
    ],
)
def test_only_what_is_a_record_to_its_last_byte_is_taken(text: bytes, taken: int) -> None:
    header = bytearray(batch([(None, b"{}", [])])[:HEADER_BYTES])
    values = Undecoded(bytes(header) + text, 0, 1)
    assert sum(lines.count for lines in plain_lines.plain_lines(values)) == taken


def test_plain_objects_are_never_decoded(monkeypatch: pytest.MonkeyPatch) -> None:
    def decode(_: object) -> None:
        raise AssertionError("decoded")

    monkeypatch.setattr(undecoded, "DefaultRecordBatch", decode)
    many: list[Record] = [(b"k", b'{"n":%d}' % n, []) for n in range(5000)]
    for codec in (NONE, LZ4, ZSTD):
        made = made_of(Undecoded(batch(many, codec), 0, 5000))
        assert made == (b"".join(value + b"\n" for _, value, _ in many if value), 5000, 48_890, 0)


@pytest.mark.parametrize("codec", [LZ4, ZSTD])
def test_a_batch_larger_than_the_room_is_unpacked_in_a_larger_one(
    codec: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    packed = batch([(None, b"{%s}" % (b"a" * 1000), []) for _ in range(1000)], codec)
    monkeypatch.setattr(undecoded._own, "room", bytearray(1000))
    unpacked = undecoded.unpacked(packed)
    assert unpacked is not None
    assert len(unpacked) > 1_000_000
    assert len(undecoded._own.room) == 8**4 * 1000
    # one that is wild is left to aiokafka
    monkeypatch.setattr(undecoded._own, "room", bytearray(1000))
    monkeypatch.setattr(undecoded, "_LARGEST", 1 << 19)
    assert undecoded.unpacked(packed) is None
    # and a room for one large batch is not kept
    monkeypatch.setattr(undecoded, "_LARGEST", 1 << 25)
    monkeypatch.setattr(undecoded, "_KEPT", 1 << 20)
    assert undecoded.unpacked(packed) is not None
    assert len(undecoded._own.room) == 1000
