"""A chunk of the file as sale events: JSON lines, their keys and their control totals."""

import json
from dataclasses import dataclass, field
from decimal import ROUND_HALF_UP, Decimal
from hashlib import sha256
from uuid import UUID

from generator.imports.fields import (
    Notes,
    NumberField,
    Refuse,
    TextField,
    TimeField,
    used_columns,
)
from generator.imports.reading import Chunk, Refusal
from generator.imports.sales_map import NUMBERS, TIME, SalesMap
from generator.imports.values import Value, number_text, text_of
from pipeline.contracts import sale_event

BATCH_ROWS = 50_000
_REQUIRED_TEXT = ("store_id", "region", "product_id")
_CENT = Decimal("0.01")
_MONEY = Decimal(1).scaleb(-sale_event.MONEY_PLACES)
LONGEST = 900_000  # bytes; a Kafka message may have a megabyte


@dataclass
class Totals:
    """Control totals of a set of events."""

    events: int = 0
    quantity: Decimal = Decimal(0)
    net_amount: dict[str, Decimal] = field(default_factory=dict)
    first_micros: int | None = None
    last_micros: int | None = None

    def add(self, quantity: Decimal, net_amount: Decimal, currency: str, micros: int) -> None:
        self.events += 1
        self.quantity += quantity
        self.net_amount[currency] = self.net_amount.get(currency, Decimal(0)) + net_amount
        if self.first_micros is None or micros < self.first_micros:
            self.first_micros = micros
        if self.last_micros is None or micros > self.last_micros:
            self.last_micros = micros

    def merge(self, other: "Totals") -> None:
        self.events += other.events
        self.quantity += other.quantity
        for currency, amount in other.net_amount.items():
            self.net_amount[currency] = self.net_amount.get(currency, Decimal(0)) + amount
        firsts = [m for m in (self.first_micros, other.first_micros) if m is not None]
        lasts = [m for m in (self.last_micros, other.last_micros) if m is not None]
        self.first_micros = min(firsts, default=None)
        self.last_micros = max(lasts, default=None)


@dataclass
class Events:
    """The usable rows of a chunk, in file order; all of one batch."""

    batch_id: str
    keys: list[str] = field(default_factory=list)  # store_id, the message key
    values: list[bytes] = field(default_factory=list)
    micros: list[int] = field(default_factory=list)
    totals: Totals = field(default_factory=Totals)
    refused: list[Refusal] = field(default_factory=list)


@dataclass
class _Money:
    """What one row is worth: the fields to write and the net amount."""

    written: dict[str, Decimal]
    net: Decimal


def event_id(file_sha256: bytes, row: int) -> str:
    """Stable and distinct a row: a version 8 UUID of sha256(file's sha256, row number)."""
    digest = bytearray(sha256(file_sha256 + row.to_bytes(8, "big")).digest()[:16])
    digest[6] = 0x80 | digest[6] & 0x0F
    digest[8] = 0x80 | digest[8] & 0x3F
    return str(UUID(bytes=bytes(digest)))


class Encoder:
    """Applies one map to one file. currency stands in where the map names none."""

    def __init__(self, sales_map: SalesMap, file_sha256: bytes, import_id: str, currency: str):
        fields, self.notes = sales_map.fields, Notes()
        self._sha256, self._import_id = file_sha256, import_id
        self._numbers = {
            name: NumberField(name, fields[name], sales_map.file, self.notes)
            for name in NUMBERS
            if name in fields
        }
        self._time = TimeField(fields[TIME], self.notes)
        self._texts = {
            name: TextField(name, source)
            for name, source in fields.items()
            if name not in NUMBERS and name != TIME
        }
        self._used = {column for source in fields.values() for column in used_columns(source)}
        self._keep_rest = sales_map.unmapped == "extra"
        self._currency = currency

    def encode(self, chunk: Chunk) -> Events:
        """The chunk's events; rows that cannot be one are in refused, with the reason."""
        bad: dict[int, str] = {}
        columns, currencies = self._text_columns(chunk, bad)
        instants = self._time.instants(chunk, _refusing(bad, TIME))
        numbers = {
            name: number.numbers(chunk, _refusing(bad, name))
            for name, number in self._numbers.items()
        }
        stores = self._texts["store_id"].texts(chunk)
        rest = self._rest(chunk) if self._keep_rest else [""] * len(chunk.rows)
        events = Events(batch_of(self._import_id, chunk), refused=list(chunk.refused))
        for index, (row, instant) in enumerate(zip(chunk.rows, instants, strict=True)):
            given = {name: values[index] for name, values in numbers.items()}
            money = None if index in bad else self._money(given, index, bad)
            if instant is None:
                bad.setdefault(index, f"{TIME}: empty")
            elif money is not None:
                texts = {name: values[index] for name, values in columns.items()}
                texts[TIME] = f'"{instant.text}"'
                texts["batch_id"] = f'"{events.batch_id}"'
                texts |= {name: number_text(value) for name, value in money.written.items()}
                line = self._line(row, texts, rest[index])
                if isinstance(line, str):
                    bad[index] = line
                else:
                    events.keys.append(stores[index] or "")
                    events.values.append(line)
                    events.micros.append(instant.micros)
                    quantity, currency = money.written["quantity"], currencies[index]
                    events.totals.add(quantity, money.net, currency, instant.micros)
        events.refused += [
            Refusal(chunk.rows[index], chunk.lines[index], reason, chunk.content(index))
            for index, reason in sorted(bad.items())
        ]
        return events

    def _text_columns(
        self, chunk: Chunk, bad: dict[int, str]
    ) -> tuple[dict[str, list[str | None]], list[str]]:
        """Encoded columns; the currency a row."""
        columns, currencies = {}, [self._currency] * len(chunk.rows)
        for name, text_field in self._texts.items():
            texts = text_field.texts(chunk)
            if name in _REQUIRED_TEXT:
                for index in (i for i, text in enumerate(texts) if not text):
                    bad.setdefault(index, f"{name}: empty")
            if name == "currency":
                currencies = [text or self._currency for text in texts]
                texts = list(currencies)
            columns[name] = text_field.encoded(texts, _refusing(bad, name))
        if "currency" not in columns:
            columns["currency"] = [json.dumps(self._currency)] * len(chunk.rows)
        return columns, currencies

    def _money(
        self, given: dict[str, Decimal | None], index: int, bad: dict[int, str]
    ) -> _Money | None:
        """A price that does not agree with the net amount is left out: the amount counts."""
        known = {name: value for name, value in given.items() if value is not None}
        quantity, price = known.get("quantity"), known.get("unit_price")
        if quantity is None:
            bad[index] = "quantity: empty"
            return None
        net = known.get("net_amount")
        if price is not None:
            computed = quantity * price - known.get("discount_amount", Decimal(0))
            if net is None:
                net = computed.quantize(_MONEY, ROUND_HALF_UP)
            elif abs(computed - net) > _CENT:
                self.notes.prices_left_out += 1
                known.pop("unit_price")
                known.pop("discount_amount", None)
        if net is None:
            bad[index] = "net_amount: empty, and no unit_price"
            return None
        return _Money(known | {"net_amount": net}, net)

    def _line(self, row: int, written: dict[str, str | None], rest: str) -> bytes | str:
        """The event as one line; or, as text, why it cannot be one."""
        written["event_id"] = f'"{event_id(self._sha256, row)}"'
        if written.get("event_type") is None:
            written["event_type"] = '"sale"'
        pairs = [
            f'"{name}":{written[name]}'
            for name in sale_event.FIELDS
            if written.get(name) is not None
        ]
        version = f'{{"schema_version":{sale_event.SCHEMA_VERSION},'
        try:
            line = f"{version}{','.join(pairs)}{rest}}}".encode()
        except UnicodeEncodeError:
            return "a text that is not valid in the file's encoding"
        return line if len(line) <= LONGEST else f"{len(line)} bytes are too long for a message"

    def _rest(self, chunk: Chunk) -> list[str]:
        """Columns that the map does not name, as further fields; one that has a field's name
        gets the prefix source_."""
        names = {
            column: f"source_{column}" if column in sale_event.FIELDS else column
            for column in chunk.columns
            if column not in self._used
        }
        return [
            "".join(
                f",{json.dumps(name)}:{_json(chunk.columns[column][index])}"
                for column, name in names.items()
            )
            for index in range(len(chunk.rows))
        ]


def batch_of(import_id: str, chunk: Chunk) -> str:
    """A batch is BATCH_ROWS rows of the file, whatever was refused and at whatever speed."""
    first = min([*chunk.rows[:1], *(refusal.row for refusal in chunk.refused[:1])], default=0)
    return f"{import_id}-{first // BATCH_ROWS:05d}"


def _refusing(bad: dict[int, str], name: str) -> Refuse:
    def refuse(index: int, reason: str) -> None:
        bad.setdefault(index, f"{name}: {reason}")

    return refuse


def _json(value: Value) -> str:
    text = text_of(value).replace("\0", "")
    return json.dumps(text, ensure_ascii=False) if text else "null"
