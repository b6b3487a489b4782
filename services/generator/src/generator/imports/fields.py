"""One field of the map, applied to a chunk of rows at a time.

A column function returns a value a row, None where the file has none, and calls refuse(index,
reason) where the row cannot be used.
"""

import json
from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from decimal import Decimal
from string import Formatter

from generator.imports.reading import Chunk
from generator.imports.sales_map import NUMBERS, FileFormat, SalesMap, Source
from generator.imports.values import (
    CACHED,
    Instant,
    Numbers,
    Times,
    Unusable,
    Value,
    fit,
    text_of,
)
from pipeline.errors import SettingsError

Refuse = Callable[[int, str], None]


@dataclass
class Notes:
    """What the conversion did beside copying, for the report."""

    rounded: Counter[str] = field(default_factory=Counter)
    residual: dict[str, Decimal] = field(default_factory=dict)
    clocks: Counter[str] = field(default_factory=Counter)
    prices_left_out: int = 0

    def round_off(self, name: str, residual: Decimal) -> None:
        self.rounded[name] += 1
        self.residual[name] = self.residual.get(name, Decimal(0)) + residual


def used_columns(source: Source) -> tuple[str, ...]:
    """The file's columns that a source reads."""
    if source.template is not None:
        return tuple(name for _, name, _, _ in Formatter().parse(source.template) if name)
    if source.sum:
        return tuple(name for _, name in source.terms())
    return source.columns or ((source.column,) if source.column else ())


def check_columns(sales_map: SalesMap, header: tuple[str, ...] | None) -> None:
    """Raises SettingsError naming every column that the map wants and the file lacks."""
    if header is None:
        return
    problems = tuple(
        f"{name}: the file has no column {column!r} (it has: {', '.join(header)})"
        for name, source in sales_map.fields.items()
        for column in used_columns(source)
        if column not in header
    )
    if problems:
        raise SettingsError(problems)


class TextField:
    """A field whose value goes into the event as a JSON string."""

    def __init__(self, name: str, source: Source) -> None:
        self._source = source
        self._json: dict[str, str] = {}
        self._check = _whole if name == "line_number" else None

    def texts(self, chunk: Chunk) -> list[str | None]:
        """The text a row, None where it is empty and there is no default."""
        source, size = self._source, len(chunk.rows)
        if source.const is not None:
            return [source.const] * size
        found = [text_of_row(source, chunk, index) for index in range(size)]
        if source.values:
            found = [source.values.get(text, text) for text in found]
        return [text or source.default for text in found]

    def encoded(self, texts: Sequence[str | None], refuse: Refuse) -> list[str | None]:
        """As JSON; a NUL, which no warehouse takes, refuses the row."""
        known, result = self._json, list[str | None]()
        for index, text in enumerate(texts):
            value = None if text is None else known.get(text)
            if value is None and text is not None:
                try:
                    value = self._encode(text)
                except Unusable as error:
                    refuse(index, str(error))
                    result.append(None)
                    continue
                if len(known) >= CACHED:
                    known.clear()
                known[text] = value
            result.append(value)
        return result

    def _encode(self, text: str) -> str:
        if "\0" in text:
            raise Unusable("a NUL character")
        return self._check(text) if self._check else json.dumps(text, ensure_ascii=False)


def text_of_row(source: Source, chunk: Chunk, index: int) -> str:
    """The text that a source gives for one row."""
    columns = chunk.columns
    if source.column is not None:
        return text_of(_at(columns, source.column, index))
    if source.columns:
        return " ".join(text_of(_at(columns, name, index)) for name in source.columns).strip()
    assert source.template is not None
    names = {name: text_of(_at(columns, name, index)) for name in used_columns(source)}
    return source.template.format_map(names)


class NumberField:
    """quantity or an amount, exact."""

    def __init__(self, name: str, source: Source, options: FileFormat, notes: Notes) -> None:
        self._name, self._source, self._notes = name, source, notes
        self._places = NUMBERS[name]
        self._numbers = Numbers(options.decimal, options.thousands, options.remove)
        plain = Numbers()  # the map's own numbers are written with a point
        self._const = plain.parse(source.const)
        self._default = plain.parse(source.default)
        self._terms = source.terms() or ([(1, source.column)] if source.column else [])

    def numbers(self, chunk: Chunk, refuse: Refuse) -> list[Decimal | None]:
        if self._const is not None:
            return [fit(self._const, self._places, rounding=False)] * len(chunk.rows)
        result: list[Decimal | None] = []
        for index in range(len(chunk.rows)):
            try:
                result.append(self._number(chunk, index))
            except Unusable as error:
                refuse(index, str(error))
                result.append(None)
        return result

    def _number(self, chunk: Chunk, index: int) -> Decimal | None:
        binary, total = False, None
        for sign, column in self._terms:
            value = _at(chunk.columns, column, index)
            number = self._numbers.parse(value)
            if number is not None:
                binary = binary or isinstance(value, float)
                total = (total or Decimal(0)) + (number if sign > 0 else -number)
        if total is None:
            total = self._default
        if total is None:
            return None
        fitted = fit(total, self._places, rounding=binary or self._source.round)
        if fitted != total:
            self._notes.round_off(self._name, total - fitted)
        return fitted


class TimeField:
    """occurred_at: an instant a row."""

    def __init__(self, source: Source, notes: Notes) -> None:
        self._source, self._notes = source, notes
        self._times = Times(source.format, source.timezone)

    def instants(self, chunk: Chunk, refuse: Refuse) -> list[Instant | None]:
        source, result = self._source, []
        for index in range(len(chunk.rows)):
            text = source.const or text_of_row(source, chunk, index) or source.default
            instant = None
            try:
                instant = self._times.parse(text)
            except Unusable as error:
                refuse(index, str(error))
            if instant is not None and instant.clock:
                self._notes.clocks[instant.clock] += 1
            result.append(instant)
        return result


def _at(columns: dict[str, list[Value]], name: str, index: int) -> Value:
    values = columns.get(name)  # a JSON chunk may have no row with this name
    return None if values is None else values[index]


def _whole(text: str) -> str:
    try:
        number = int(text)
    except ValueError as error:
        raise Unusable(f"{text!r} is no whole number") from error
    if not 0 <= number < 2**31:
        raise Unusable(f"{text!r} is out of range")
    return str(number)
