"""What a pass over lines of one form needs and gives: columns in numpy's memory, which becomes
Arrow's."""

from dataclasses import dataclass

import numpy as np

from loader import line_scan
from loader.columns import SURELY_AGREE
from loader.line_scan import LF, PAD, WORD, Bytes, Longs, Places, Words
from pipeline.contracts.sale_event import SCHEMA_VERSION

_FIRST_BEYOND_ASCII = 0x80


@dataclass(frozen=True)
class Fields:
    """What stands before each field's value, and what the value is. (fields,) but the literals.

    literal, mask: (fields, words) the bytes before it, and 0xff for each that counts. size: how
    many. kind: TEXT, … TIME. places: behind the point at most. slot: the row of Values' starts and
    ends, or numbers, that it fills. spelling: of a text, AS_IS, … UPPER. amounts: the fields
    quantity, unit_price, discount_amount and net_amount, -1 where there is none. texts, numbers:
    how many there are.
    """

    literal: Words
    mask: Words
    size: Longs
    kind: Longs
    places: Longs
    slot: Longs
    spelling: Longs
    amounts: Longs
    texts: int
    numbers: int


@dataclass(frozen=True)
class Values:
    """What is found, a column a row, with room for so many lines.

    ends: (texts, lines + 1) where each text ends when all of a column stand one behind the other,
    from 0 on. numbers: (numbers, lines, 2) times ten to the field's places, as 128 bits, the low
    ones first; 0 for null. ids: (lines, 16). times: (lines,) microseconds since 1970. present:
    (fields, lines) 0 for null.
    """

    ends: Places
    numbers: Longs
    ids: Bytes
    times: Longs
    present: Bytes

    @classmethod
    def for_lines(cls, fields: Fields, lines: int) -> "Values":
        ends = np.empty((fields.texts, lines + 1), np.int32)
        ends[:, 0] = 0
        return cls(
            ends,
            numbers=np.empty((fields.numbers, lines, 2), np.int64),
            ids=np.empty((lines, 16), np.uint8),
            times=np.empty(lines, np.int64),
            present=np.empty((len(fields.kind), lines), np.uint8),
        )


@dataclass(frozen=True)
class Texts:
    """The texts of all columns. begins, rooms: (texts,) where in `bytes` each column begins, and
    how many bytes it may have."""

    bytes: Bytes
    begins: Longs
    rooms: Longs

    @classmethod
    def with_rooms(cls, rooms: Longs) -> "Texts":
        # words that are written may reach into what comes next, which is of no column
        wide = rooms + 2 * WORD
        return cls(np.empty(int(wide.sum()), np.uint8), np.cumsum(wide) - wide, rooms)

    def column(self, number: int, size: int) -> Bytes:
        return self.bytes[self.begins[number] : self.begins[number] + size]


def survey(padded: Bytes) -> tuple[int, bool]:
    """How many lines there are, the last of which need not have an end; whether all is ASCII."""
    ends, ored = line_scan.survey(padded)
    ended = len(padded) == PAD or padded[-PAD - 1] == LF
    return int(ends) + (not ended), ored < _FIRST_BEYOND_ASCII


def scan(
    padded: Bytes, lines: int, fields: Fields, max_line: int, into: Values, first: int
) -> tuple[Places, bool] | None:
    """(texts, lines) where in the bytes each text begins, and whether all are spelt as staging
    would; the rest goes into values from the line `first` on. None where a line is not of that
    form, is longer than max_line or breaks one of the contract's rules."""
    starts = np.empty((fields.texts, lines), np.int32)
    taken, tidy = line_scan.scan(
        padded, _words(padded), fields.literal, fields.mask, fields.size, fields.kind,
        fields.places, fields.slot, fields.spelling, fields.amounts, max_line, SCHEMA_VERSION,
        SURELY_AGREE, first,
        starts, into.ends, into.numbers, into.ids, into.times, into.present,
    )  # fmt: skip
    return (starts, bool(tidy)) if taken else None


def gather(padded: Bytes, starts: Places, values: Values, first: int, into: Texts) -> None:
    """Copy the texts of lines that were scanned from line `first` on; each column has the room."""
    line_scan.gather(_words(padded), starts, values.ends, first, into.begins, _words(into.bytes))


def _words(raw: Bytes) -> Words:
    """The eight bytes from each on; nothing is copied."""
    return np.ndarray((len(raw) - WORD + 1,), np.uint64, raw, strides=(1,))
