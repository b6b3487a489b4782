"""Columns into JSON lines: fragments made once, picked by index, joined once.

A dictionary and an encoder for each event make a tenth as many events a second.
"""

import json
from collections.abc import Iterable
from dataclasses import dataclass
from functools import cache

import numpy as np
from numpy.typing import NDArray

from generator.catalogue import catalogue
from generator.lines import Lines
from generator.sales import BIG_QUANTITIES, UNLISTED, Columns

Objects = NDArray[np.object_]
PAYMENTS = ("card",) * 154 + ("cash",) * 61 + ("mobile",) * 31 + ("gift_card",) * 10
_HEAD = b'{"schema_version":1,"event_id":"'
_ID = np.frombuffer(_HEAD + b"-" * 36, np.uint8)
# where the 32 digits of the id go: (from, to, at)
_GROUPS = ((0, 8, 0), (8, 12, 9), (12, 16, 14), (16, 20, 19), (20, 32, 24))
_MONEY_KNOWN = 20_000  # cents either side of 0 that have a fragment
_MOST = 12  # the largest everyday quantity


def render(columns: Columns, batch_id: str, kind: str) -> Lines:
    """One event a line, in the columns' order; kind is sale or return."""
    lines, goods, fragments = columns.baskets.lines, columns.goods, _fragments()
    before, middle, tail = _basket_texts(columns, batch_id, kind)
    ids = _ids(np.repeat(columns.occurred, lines), goods.id_bits)
    found = [
        before.repeated(lines),
        fragments.numbers.at(columns.line_number),
        middle.repeated(lines),
        fragments.products.at(goods.product),
        fragments.quantities.at(_quantity_index(goods.quantity)),
        _money(fragments.prices, goods.price, b',"discount_amount":'),
        _money(fragments.discounts, goods.discount, b',"net_amount":'),
        _money(fragments.nets, goods.net, b""),
        tail.repeated(lines),
    ]
    sizes = sum((part.sizes for part in found), np.full(len(ids), len(_ID), np.int64))
    return Lines([ids, *(part.texts for part in found)], sizes)


@dataclass(frozen=True)
class Texts:
    """Fragments and their sizes."""

    texts: Objects
    sizes: NDArray[np.int64]

    @classmethod
    def of(cls, values: Iterable[bytes]) -> "Texts":
        listed = list(values)
        texts = np.empty(len(listed), object)
        texts[:] = listed
        return cls(texts, np.fromiter(map(len, listed), np.int64, len(listed)))

    @classmethod
    def around(cls, before: bytes, table: NDArray[np.uint8], behind: bytes) -> "Texts":
        """Each row of the table, (n, size), between the two; behind does not end with a zero."""
        start, end = len(before), len(before) + table.shape[1]
        count, size = len(table), end + len(behind)
        whole = np.empty((count, size), np.uint8)
        whole[:, :start] = np.frombuffer(before, np.uint8)
        whole[:, start:end] = table
        whole[:, end:] = np.frombuffer(behind, np.uint8)
        texts = np.empty(count, object)
        texts[:] = whole.view(f"S{size}").ravel().tolist()
        return cls(texts, np.full(count, size, np.int64))

    def at(self, index: NDArray[np.int64]) -> "Texts":
        return Texts(self.texts[index], self.sizes[index])

    def __add__(self, other: "Texts") -> "Texts":
        return Texts(self.texts + other.texts, self.sizes + other.sizes)

    def repeated(self, times: NDArray[np.int64]) -> "Texts":
        return Texts(np.repeat(self.texts, times), np.repeat(self.sizes, times))


class _Fragments:
    """Bytes that occur again and again, as object arrays."""

    def __init__(self) -> None:
        products = catalogue().products
        listed = [(p.product_id, p.name, p.category) for p in products]
        unlisted = [(f"P9{n:04d}", None, None) for n in range(UNLISTED)]
        self.products = Texts.of(_product(*product) for product in listed + unlisted)
        quantities = (*range(-_MOST, _MOST + 1), *(s * q for q in BIG_QUANTITIES for s in (1, -1)))
        self.quantities = Texts.of(b'%d,"unit_price":' % q for q in quantities)
        self.numbers = Texts.of(b"%d" % n for n in range(200))
        cents = range(-_MONEY_KNOWN, _MONEY_KNOWN + 1)
        self.nets = Texts.of(_amount(c) for c in cents)
        self.prices = Texts.of(_amount(c) + b',"discount_amount":' for c in cents)
        self.discounts = Texts.of(_amount(c) + b',"net_amount":' for c in cents)
        # by store, and there by whether it was sold online
        self.channels = Texts.of(
            f'"store_id":"{s.store_id}","region":"{s.region}","channel":"{name}","customer_id":'.encode()
            for s in catalogue().stores
            for name in ("store", "online")
        )
        # the last one is NOBODY's
        names = [f'"{name}"' for name in catalogue().customers] + ["null"]
        self.customers = Texts.of(f'{name},"product_id":'.encode() for name in names)
        # by store, and there by the number of the payment
        self.tails = Texts.of(
            f',"currency":"{s.currency}","payment_method":"{name}"}}'.encode()
            for s in catalogue().stores
            for name in PAYMENTS
        )


@cache
def _fragments() -> _Fragments:
    return _Fragments()


def _product(product_id: str, name: str | None, category: str | None) -> bytes:
    texts = (json.dumps(text, ensure_ascii=False) for text in (product_id, name, category))
    return '{},"product_name":{},"category":{},"quantity":'.format(*texts).encode()


def _amount(cents: int) -> bytes:
    return b"%s%d.%02d" % (b"-" if cents < 0 else b"", abs(cents) // 100, abs(cents) % 100)


def _money(fragments: Texts, cents: NDArray[np.int64], suffix: bytes) -> Texts:
    rare = np.flatnonzero(np.abs(cents) > _MONEY_KNOWN)
    if not len(rare):
        return fragments.at(cents + _MONEY_KNOWN)
    found = fragments.at(np.clip(cents + _MONEY_KNOWN, 0, 2 * _MONEY_KNOWN))
    for place in rare.tolist():
        text = _amount(int(cents[place])) + suffix
        found.texts[place], found.sizes[place] = text, len(text)
    return found


def _quantity_index(quantity: NDArray[np.int64]) -> NDArray[np.int64]:
    index = quantity + _MOST
    for place, big in enumerate(BIG_QUANTITIES):
        index = np.where(quantity == big, 2 * _MOST + 1 + 2 * place, index)
        index = np.where(quantity == -big, 2 * _MOST + 2 + 2 * place, index)
    return index


def _basket_texts(columns: Columns, batch_id: str, kind: str) -> tuple[Texts, Texts, Texts]:
    """What a basket's lines share: before the line number, after it, and at the end."""
    fragments, baskets = _fragments(), columns.baskets
    letter = "T" if kind == "sale" else "R"
    start = f'","event_type":"{kind}","batch_id":"{batch_id}","transaction_id":"{letter}-'.encode()
    words = baskets.transaction.astype(">u8").view(">u2").reshape(-1, 4)
    number = _hex(b"%04X")[words].view(np.uint8)[:, 6:]  # of 64 bits the lower 40
    before = Texts.around(start, number, b'","line_number":')
    middle = (
        Texts.around(b',"occurred_at":"', _times(columns.occurred), b'Z",')
        + fragments.channels.at(2 * baskets.store + baskets.online)
        + fragments.customers.at(baskets.customer)
    )
    tail = fragments.tails.at(len(PAYMENTS) * baskets.store + baskets.payment)
    return before, middle, tail


def _times(milliseconds: NDArray[np.int64]) -> NDArray[np.uint8]:
    """(n, 23) as 2026-11-23T10:14:07.123. Few minutes, so each is written once."""
    minutes, of_each = np.unique(milliseconds // 60_000, return_inverse=True)
    written = np.datetime_as_string(minutes.astype("datetime64[m]")).astype("S16")
    found = np.empty((len(milliseconds), 23), np.uint8)
    found[:, :16] = written.view(np.uint8).reshape(-1, 16)[of_each]
    found[:, 16:] = _seconds()[milliseconds % 60_000]
    return found


@cache
def _seconds() -> NDArray[np.uint8]:
    """(60000, 7) what follows the minute, for each of its milliseconds."""
    texts = b"".join(b":%02d.%03d" % divmod(ms, 1000) for ms in range(60_000))
    return np.frombuffer(texts, np.uint8).reshape(-1, 7)


@cache
def _hex(form: bytes) -> NDArray[np.uint32]:
    """(65536,) the four digits of each number, as they lie in memory. form: %04x or %04X."""
    return np.frombuffer(b"".join(form % n for n in range(65536)), np.uint32)


def _ids(milliseconds: NDArray[np.int64], bits: NDArray[np.uint64]) -> NDArray[np.bytes_]:
    """The beginning of each line: UUIDs of version 7 (RFC 9562), the time before the bits."""
    count = len(milliseconds)
    words = np.empty((count, 2), ">u8")
    words[:, 0] = (milliseconds.astype(np.uint64) << np.uint64(16)) | np.uint64(0x7000)
    words[:, 0] |= bits[:, 0] >> np.uint64(52)
    words[:, 1] = (bits[:, 1] >> np.uint64(2)) | np.uint64(1 << 63)
    digits = _hex(b"%04x")[words.view(">u2")].view(np.uint8)
    text = np.empty((count, len(_ID)), np.uint8)
    text[:] = _ID
    for first, last, at in _GROUPS:
        place = len(_HEAD) + at
        text[:, place : place + last - first] = digits[:, first:last]
    return text.view(f"S{len(_ID)}").ravel()
