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

    def __init__(self, name: str, source: Source, default: str | None = None) -> None:
        self._name, self._source = name, source
        self._default = source.default or default
        self._seen: dict[str, str] = {}

    def texts(self, chunk: Chunk) -> list[str | None]:
        """The text a row, None where it is empty and there is no default."""
        source = self._source
        if source.const is not None:
            return [source.const] * len(chunk.rows)
        found = texts_of(source, chunk)
        if source.values:
            found = [source.values.get(text, text) for text in found]
        return [text or self._default for text in found]

    def fragments(self, texts: Sequence[str | None], refuse: Refuse) -> list[str]:
        """As ',"name":value'; a NUL, which no warehouse takes, refuses the row."""
        seen, result = self._seen, list[str]()
        if self._source.const is not None and "\0" not in self._source.const:
            return [self._fragment(self._source.const)] * len(texts)
        for index, text in enumerate(texts):
            fragment = "" if text is None else seen.get(text)
            if fragment is None:
                assert text is not None
                try:
                    fragment = self._fragment(text)
                except Unusable as error:
                    refuse(index, str(error))
                    result.append("")
                    continue
                if len(seen) >= CACHED:
                    seen.clear()
                seen[text] = fragment
            result.append(fragment)
        return result

    def _fragment(self, text: str) -> str:
        if "\0" in text:
            raise Unusable("a NUL character")
        value = json.dumps(text, ensure_ascii=False)
        return f',"{self._name}":{_whole(text) if self._name == "line_number" else value}'


def texts_of(source: Source, chunk: Chunk) -> list[str]:
    """The text that a source gives for each row, empty where there is none."""
    names = used_columns(source)
    columns = [_texts(chunk, name) for name in names]
    if source.column is not None:
        return columns[0]
    rows = zip(*columns, strict=True)
    if source.columns:
        return [" ".join(row).strip() for row in rows]
    template = source.template or ""
    return [template.format(**dict(zip(names, row, strict=True))) for row in rows]


def _texts(chunk: Chunk, name: str) -> list[str]:
    values = chunk.columns.get(name)  # a JSON chunk may have no row with this name
    return [""] * len(chunk.rows) if values is None else [text_of(value) for value in values]


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
        source, result = self._source, list[Instant | None]()
        texts = [source.const] * len(chunk.rows) if source.const else texts_of(source, chunk)
        for index, text in enumerate(texts):
            instant = None
            try:
                instant = self._times.parse(text or source.default)
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
