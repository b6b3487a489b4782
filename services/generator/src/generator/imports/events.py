"""A chunk of the file as sale events: JSON lines, their keys and their control totals."""

import json
from dataclasses import dataclass, field
from decimal import ROUND_HALF_UP, Decimal
from hashlib import sha256

from generator.imports.fields import (
    Notes,
    NumberField,
    Refuse,
    TextField,
    TimeField,
    used_columns,
)
from generator.imports.reading import Chunk, Refusal
from generator.imports.sales_map import NUMBERS, TIME, SalesMap, Source
from generator.imports.values import Instant, Value, number_text, text_of
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


@dataclass(frozen=True)
class _Money:
    """What one row is worth: the numbers to write, the net amount among them."""

    written: dict[str, Decimal]

    @property
    def net(self) -> Decimal:
        return self.written["net_amount"]


def event_id(file_sha256: bytes, row: int) -> str:
    """Stable and distinct a row: a version 8 UUID of sha256(file's sha256, row number)."""
    text = sha256(file_sha256 + row.to_bytes(8, "big")).hexdigest()
    variant = "89ab"[int(text[16], 16) & 3]
    return f"{text[:8]}-{text[8:12]}-8{text[13:16]}-{variant}{text[17:20]}-{text[20:32]}"


class Encoder:
    """Applies one map to one file. currency stands in where the map names none.

    Works on columns of fragments, ',"name":value' a row or nothing where the row has no value, and
    joins them once: a dictionary a row would cost more than all the rest.
    """

    def __init__(
        self, sales_map: SalesMap, file_sha256: bytes, import_id: str, currency: str
    ) -> None:
        fields, self.notes = sales_map.fields, Notes()
        self._sha256, self._import_id = file_sha256, import_id
        self._numbers = {
            name: NumberField(name, fields[name], sales_map.file, self.notes)
            for name in NUMBERS
            if name in fields
        }
        self._time = TimeField(fields[TIME], self.notes)
        stand_ins = {"event_type": "sale", "currency": currency}
        constants = {name: Source(const=text) for name, text in stand_ins.items()}
        self._texts = {
            name: TextField(name, source, stand_ins.get(name))
            for name, source in (constants | fields).items()
            if name not in NUMBERS and name != TIME
        }
        self._used = {column for source in fields.values() for column in used_columns(source)}
        self._keep_rest = sales_map.unmapped == "extra"

    def encode(self, chunk: Chunk) -> Events:
        """The chunk's events; rows that cannot be one are in refused, with the reason."""
        bad: dict[int, str] = {}
        texts = {name: found.texts(chunk) for name, found in self._texts.items()}
        columns = {
            name: self._texts[name].fragments(found, _refusing(bad, name))
            for name, found in texts.items()
        }
        for name in _REQUIRED_TEXT:
            for index in (i for i, text in enumerate(texts[name]) if not text):
                bad.setdefault(index, f"{name}: empty")
        instants = self._instants(chunk, bad)
        money = self._all_money(chunk, bad)
        batch_id = batch_of(self._import_id, chunk)
        columns[TIME] = [f',"{TIME}":"{instant.text}"' if instant else "" for instant in instants]
        columns["event_id"] = [f',"event_id":"{event_id(self._sha256, n)}"' for n in chunk.rows]
        columns["batch_id"] = [f',"batch_id":"{batch_id}"'] * len(chunk.rows)
        columns |= {name: [_number(name, m) for m in money] for name in NUMBERS}
        written = [columns[name] for name in sale_event.FIELDS if name in columns]
        lines = map("".join, zip(*written, self._rest(chunk), strict=True))
        usable = _Usable(chunk, list(lines), texts, instants, money)
        return _put_together(batch_id, usable, bad)

    def _instants(self, chunk: Chunk, bad: dict[int, str]) -> list[Instant | None]:
        instants = self._time.instants(chunk, _refusing(bad, TIME))
        for index in (i for i, instant in enumerate(instants) if instant is None):
            bad.setdefault(index, f"{TIME}: empty")
        return instants

    def _all_money(self, chunk: Chunk, bad: dict[int, str]) -> list[_Money | None]:
        numbers = {
            name: number.numbers(chunk, _refusing(bad, name))
            for name, number in self._numbers.items()
        }
        return [
            self._money(dict(zip(numbers, row, strict=True)), _refusing(bad), index)
            for index, row in enumerate(zip(*numbers.values(), strict=True))
        ]

    def _money(self, given: dict[str, Decimal | None], refuse: Refuse, index: int) -> _Money | None:
        """A price that does not agree with the net amount is left out: the amount counts."""
        known = {name: value for name, value in given.items() if value is not None}
        quantity, price = known.get("quantity"), known.get("unit_price")
        if quantity is None:
            refuse(index, "quantity: empty")
            return None
        net = known.get("net_amount")
        if price is not None:
            computed = quantity * price - known.get("discount_amount", Decimal(0))
            if net is None:
                known["net_amount"] = computed.quantize(_MONEY, ROUND_HALF_UP)
            elif abs(computed - net) > _CENT:
                self.notes.prices_left_out += 1
                known = {"quantity": quantity, "net_amount": net}
        elif net is None:
            refuse(index, "net_amount: empty, and no unit_price")
            return None
        return _Money(known)

    def _rest(self, chunk: Chunk) -> list[str]:
        """Columns that the map does not name, as further fields; one that has a field's name
        gets the prefix source_."""
        if not self._keep_rest:
            return [""] * len(chunk.rows)
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


@dataclass(frozen=True)
class _Usable:
    """A chunk's rows, converted; a refused one may have gaps."""

    chunk: Chunk
    lines: list[str]
    texts: dict[str, list[str | None]]
    instants: list[Instant | None]
    money: list[_Money | None]


def _put_together(batch_id: str, rows: _Usable, bad: dict[int, str]) -> Events:
    events = Events(batch_id, refused=list(rows.chunk.refused))
    stores, currencies = rows.texts["store_id"], rows.texts["currency"]
    for index, (line, instant, money) in enumerate(
        zip(rows.lines, rows.instants, rows.money, strict=True)
    ):
        if index in bad or instant is None or money is None:
            continue
        value = _value(line)
        if isinstance(value, str):
            bad[index] = value
            continue
        events.keys.append(stores[index] or "")
        events.values.append(value)
        events.micros.append(instant.micros)
        currency = currencies[index] or ""
        events.totals.add(money.written["quantity"], money.net, currency, instant.micros)
    events.refused += [
        Refusal(rows.chunk.rows[index], rows.chunk.lines[index], reason, rows.chunk.content(index))
        for index, reason in sorted(bad.items())
    ]
    return events


def _value(line: str) -> bytes | str:
    """The event as a message; or, as text, why it cannot be one."""
    try:
        value = f'{{"schema_version":{sale_event.SCHEMA_VERSION}{line}}}'.encode()
    except UnicodeEncodeError:
        return "a text that is not valid in the file's encoding"
    return value if len(value) <= LONGEST else f"{len(value)} bytes are too long for a message"


def _number(name: str, money: _Money | None) -> str:
    value = money.written.get(name) if money else None
    return "" if value is None else f',"{name}":{number_text(value)}'


def batch_of(import_id: str, chunk: Chunk) -> str:
    """A batch is BATCH_ROWS rows of the file, whatever was refused and at whatever speed."""
    first = min([*chunk.rows[:1], *(refusal.row for refusal in chunk.refused[:1])], default=0)
    return f"{import_id}-{first // BATCH_ROWS:05d}"


def _refusing(bad: dict[int, str], name: str = "") -> Refuse:
    def refuse(index: int, reason: str) -> None:
        bad.setdefault(index, f"{name}: {reason}" if name else reason)

    return refuse


def _json(value: Value) -> str:
    text = text_of(value).replace("\0", "")
    return json.dumps(text, ensure_ascii=False) if text else "null"
