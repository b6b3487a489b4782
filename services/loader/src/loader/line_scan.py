"""Lines of one form to the columns' values, in one pass over their bytes.

Compiled: plain loops, no Python object, no interpreter's lock. Eight bytes at a time are read as a
word, the first of them the lowest, so up to seven behind the last that counts: the bytes have PAD
zeros behind their end, which belong to no line.

What is refused here is no reject yet: somebody more patient looks at it. What is taken is taken for
good, so it is what sale.row takes.
"""

import numpy as np
import numpy.typing as npt

from pipeline.compiled import compiled, inlined

Bytes = npt.NDArray[np.uint8]
Words = npt.NDArray[np.uint64]
Longs = npt.NDArray[np.int64]
Places = npt.NDArray[np.int32]

# how staging would spell a text: as it is; as a name, with letters of both cases; folded either way
AS_IS, NAME, LOWER, UPPER = range(4)
# what a value is; a code is three letters
TEXT, REQUIRED, CODE, NUMBER, VERSION, UUID, TIME = range(7)
PAD = 64
WORD = 8
_MOST_DIGITS = 9  # before a point
_FIRST_YEAR, _LAST_YEAR = 2, 9998  # whatever the offset, Python's calendar holds the instant
_QUOTE, _BACKSLASH, _POINT, _MINUS, _ZERO, _HYPHEN, _NULL, _END, LF = b'"\\.-0-n}\n'
_COLON, _PLUS, _BLANK, _T, _UPPER_T, _Z, _A, _UPPER_A, _LOWER = b":+ tTzaA "
_EACH = np.uint64(0x0101010101010101)
_HIGH = np.uint64(0x8080808080808080)
_QUOTES, _BACKSLASHES, _BLANKS = (np.uint64(int(_EACH) * byte) for byte in b'"\\ ')
_ONE, _TOP = np.uint64(1), np.uint64(56)
_NULL_WORD = np.uint64(int.from_bytes(b"null", "little"))
_HALF = np.uint64(0xFFFFFFFF)
_NO_HEX = 0x80
_HEX = np.full(256, _NO_HEX, np.uint8)
for _digit in "0123456789abcdefABCDEF":
    _HEX[ord(_digit)] = int(_digit, 16)
_NO_DIGITS = 1000
_DAYS_TO_1970 = 719_468  # from the first of March of the year 0
_DAYS_BEFORE = np.array([0, 31, 59, 90, 120, 151, 181, 212, 243, 273, 304, 334, 365])
_SECOND = 1_000_000  # microseconds


@compiled
def survey(raw: Bytes) -> tuple[int, int]:
    """How many line ends, and all bytes as one."""
    ends, ored = 0, 0
    for byte in raw:
        ends += byte == LF
        ored |= byte
    return ends, ored


@compiled
def scan(
    raw: Bytes, words: Words,
    literal: Words, mask: Words, length: Longs, kind: Longs, places: Longs, slot: Longs,
    spelling: Longs, amounts: Longs, max_line: int, version: int, agree: float, line: int,
    starts: Places, ends: Places, numbers: Longs, ids: Bytes, times: Longs, present: Bytes,
) -> tuple[bool, bool]:  # fmt: skip
    at, first, size, tidy = 0, line, len(raw) - PAD, True
    while at < size:
        begin = at
        for field in range(len(length)):
            differs = np.uint64(0)
            for word in range((length[field] + WORD - 1) // WORD):
                differs |= (words[at + WORD * word] ^ literal[field, word]) & mask[field, word]
            if differs:
                return False, False
            at += length[field]
            what, here = kind[field], slot[field]
            present[field, line] = 1
            if raw[at] == _NULL:
                if words[at] & _HALF != _NULL_WORD:
                    return False, False
                at += 4
                present[field, line] = 0
                if what in (TEXT, CODE):
                    starts[here, line - first] = at
                    ends[here, line + 1] = ends[here, line]
                elif what == NUMBER:
                    numbers[here, line, 0] = 0
                    numbers[here, line, 1] = 0
                elif what != VERSION:
                    return False, False
            elif what == NUMBER:
                at, number = _number(raw, at, places[field])
                if at < 0:
                    return False, False
                numbers[here, line, 0] = number
                numbers[here, line, 1] = number >> 63
            elif what == VERSION:
                at, number = _number(raw, at, 0)
                if number != version:
                    return False, False
            elif raw[at] != _QUOTE:
                return False, False
            elif what == UUID:
                at = _uuid(raw, at + 1, ids[line])
                if at < 0:
                    return False, False
            elif what == TIME:
                at, times[line] = _time(raw, at + 1)
                if at < 0:
                    return False, False
            else:
                start = at + 1
                at = _quote(words, start)
                if (
                    raw[at] != _QUOTE
                    or (what == REQUIRED and at == start)
                    or (what == CODE and not _is_code(raw, start, at))
                ):
                    return False, False
                starts[here, line - first] = start
                ends[here, line + 1] = ends[here, line] + (at - start)
                tidy &= _is_tidy(raw, start, at, spelling[field])
                at += 1
        if raw[at] != _END or not _amounts_agree(numbers, present, slot, amounts, agree, line):
            return False, False
        at += 1
        if at - begin > max_line:
            return False, False
        line += 1
        if at < size:
            if raw[at] != LF:
                return False, False
            at += 1
    return True, tidy


@inlined
def _quote(words: Words, at: int) -> int:
    """The first quote, backslash or control character from there on."""
    while True:
        word = words[at]
        # the high bit of each byte that is one of them; what a borrow adds wrongly lies above the
        # first that is right
        stops = (
            ((word ^ _QUOTES) - _EACH & ~(word ^ _QUOTES))
            | ((word ^ _BACKSLASHES) - _EACH & ~(word ^ _BACKSLASHES))
            | (word - _BLANKS & ~word)
        ) & _HIGH
        if stops:
            # a one for each byte up to the first of them, added up in the highest byte
            return at + int(((stops & (~stops + _ONE)) - _ONE & _EACH) * _EACH >> _TOP) - 1
        at += WORD


@inlined
def _number(raw: Bytes, at: int, places: int) -> tuple[int, int]:
    """Where the number ends, and its value times ten to the places; -1 where it has more, or is not
    written in plain digits."""
    negative = raw[at] == _MINUS
    if negative:
        at += 1
    first, value = at, 0
    while _ZERO <= raw[at] < _ZERO + 10:
        value = 10 * value + (raw[at] - _ZERO)
        at += 1
    digits = at - first
    if digits < 1 or digits > _MOST_DIGITS or (digits > 1 and raw[first] == _ZERO):
        return -1, 0
    if raw[at] == _POINT:
        at += 1
        first = at
        while places and _ZERO <= raw[at] < _ZERO + 10:
            value = 10 * value + (raw[at] - _ZERO)
            places -= 1
            at += 1
        if at == first:
            return -1, 0
    for _ in range(places):
        value *= 10
    return at, -value if negative else value


@inlined
def _uuid(raw: Bytes, at: int, into: Bytes) -> int:
    """Behind its quote; -1 where it is not 8-4-4-4-12 hexadecimal digits."""
    wrong = 0
    for byte in range(16):
        if byte == 4 or byte == 6 or byte == 8 or byte == 10:
            wrong |= raw[at] ^ _HYPHEN
            at += 1
        high, low = _HEX[raw[at]], _HEX[raw[at + 1]]
        wrong |= (high | low) & _NO_HEX
        into[byte] = high << 4 | low
        at += 2
    if wrong or raw[at] != _QUOTE:
        return -1
    return at + 1


@inlined
def _two(raw: Bytes, at: int) -> int:
    tens, ones = raw[at] - _ZERO, raw[at + 1] - _ZERO
    return 10 * tens + ones if 0 <= tens <= 9 and 0 <= ones <= 9 else _NO_DIGITS


@inlined
def _time(raw: Bytes, at: int) -> tuple[int, int]:
    """Behind its quote, and the instant in microseconds since 1970; -1 where it is not RFC 3339
    with an offset and at most six digits of a second."""
    century, in_century = _two(raw, at), _two(raw, at + 2)
    month, day = _two(raw, at + 5), _two(raw, at + 8)
    hour, minute, second = _two(raw, at + 11), _two(raw, at + 14), _two(raw, at + 17)
    between = raw[at + 10]
    if (
        raw[at + 4] != _HYPHEN
        or raw[at + 7] != _HYPHEN
        or between not in (_BLANK, _T, _UPPER_T)
        or raw[at + 13] != _COLON
        or raw[at + 16] != _COLON
        or in_century > 99
        or not _FIRST_YEAR <= 100 * century + in_century <= _LAST_YEAR
        or not 1 <= month <= 12
        or hour > 23
        or minute > 59
        or second > 59
    ):
        return -1, 0
    year = 100 * century + in_century
    days_of_month = _DAYS_BEFORE[month] - _DAYS_BEFORE[month - 1]
    if month == 2 and year % 4 == 0 and (year % 100 != 0 or year % 400 == 0):
        days_of_month += 1
    if not 1 <= day <= days_of_month:
        return -1, 0
    # a year that begins in March has its odd day at its end
    since = year - 1 if month <= 2 else year
    days = 365 * since + since // 4 - since // 100 + since // 400 - _DAYS_TO_1970
    days += (153 * ((month + 9) % 12) + 2) // 5 + day - 1
    instant = ((24 * days + hour) * 60 + minute) * 60 + second
    at += 19
    fraction = 0
    if raw[at] == _POINT:
        at += 1
        first, worth = at, _SECOND
        while worth > 1 and _ZERO <= raw[at] < _ZERO + 10:
            worth //= 10
            fraction += worth * (raw[at] - _ZERO)
            at += 1
        if at == first:
            return -1, 0
    if raw[at] | _LOWER == _Z:
        at += 1
    else:
        ahead, more = _two(raw, at + 1), _two(raw, at + 4)
        sign = raw[at]
        if sign not in (_PLUS, _MINUS) or raw[at + 3] != _COLON or ahead > 23 or more > 59:
            return -1, 0
        seconds = 60 * (60 * ahead + more)
        instant += seconds if sign == _MINUS else -seconds
        at += 6
    return (at + 1 if raw[at] == _QUOTE else -1), _SECOND * instant + fraction


@inlined
def _is_code(raw: Bytes, start: int, end: int) -> bool:
    letters = 0
    for at in range(start, end):
        letters += 0 <= (raw[at] | _LOWER) - _A < 26
    return bool(letters == 3 == end - start)


@inlined
def _is_tidy(raw: Bytes, start: int, end: int, spelling: int) -> bool:
    """Whether staging leaves the text as it is (dbt/macros/clean.sql)."""
    if start == end or raw[start] == _BLANK or raw[end - 1] == _BLANK:
        return False
    if spelling == AS_IS:
        return True
    small = large = False
    for at in range(start, end):
        small |= 0 <= raw[at] - _A < 26
        large |= 0 <= raw[at] - _UPPER_A < 26
    if spelling == NAME:
        return bool(small and large)
    return not large if spelling == LOWER else not small


@inlined
def _amounts_agree(
    numbers: Longs, present: Bytes, slot: Longs, amounts: Longs, agree: float, line: int
) -> bool:
    """Whether a line has a quantity and an amount, and surely no two that contradict each other."""
    quantity, price, discount, net = amounts[0], amounts[1], amounts[2], amounts[3]
    if not present[quantity, line]:
        return False
    priced = bool(price >= 0 and present[price, line])
    if net < 0 or not present[net, line]:
        return priced
    if not priced:
        return True
    expected = numbers[slot[quantity], line, 0] * 1e-3 * (numbers[slot[price], line, 0] * 1e-4)
    if discount >= 0:
        expected -= numbers[slot[discount], line, 0] * 1e-4
    return bool(abs(expected - numbers[slot[net], line, 0] * 1e-4) < agree)


@compiled
def gather(
    words: Words, starts: Places, ends: Places, first: int, begins: Longs, into: Words
) -> None:
    texts, lines = starts.shape
    for line in range(lines):
        for text in range(texts):
            start, end = starts[text, line], ends[text, first + line]
            size, to = ends[text, first + line + 1] - end, begins[text] + end
            # most texts are short: two words without a question cost less than a wrong guess
            into[to] = words[start]
            into[to + WORD] = words[start + WORD]
            for at in range(2 * WORD, size, WORD):
                into[to + at] = words[start + at]
