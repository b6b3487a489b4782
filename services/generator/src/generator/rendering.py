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
from generator.sales import BIG_QUANTITIES, NOBODY, UNLISTED, Columns

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

    def at(self, index: NDArray[np.int64]) -> "Texts":
        return Texts(self.texts[index], self.sizes[index])

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
        self.stores = [
            f'"store_id":"{s.store_id}","region":"{s.region}","channel":'.encode()
            for s in catalogue().stores
        ]
        self.currencies = [s.currency.encode() for s in catalogue().stores]
        self.payments = [name.encode() for name in PAYMENTS]


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
    fragments, customers = _fragments(), catalogue().customers
    letter = b"T" if kind == "sale" else b"R"
    start = f'","event_type":"{kind}","batch_id":"{batch_id}","transaction_id":"'.encode()
    before = [
        b'%s%s-%010X","line_number":' % (start, letter, number)
        for number in columns.baskets.transaction.tolist()
    ]
    times = np.datetime_as_string(columns.occurred.astype("datetime64[ms]")).astype("S23").tolist()
    stores = columns.baskets.store.tolist()
    middle = [
        b',"occurred_at":"%sZ",%s%s,"customer_id":%s,"product_id":'
        % (
            time,
            fragments.stores[store],
            b'"online"' if online else b'"store"',
            b"null" if customer == NOBODY else b'"%s"' % customers[customer].encode(),
        )
        for time, store, online, customer in zip(
            times,
            stores,
            columns.baskets.online.tolist(),
            columns.baskets.customer.tolist(),
            strict=True,
        )
    ]
    tail = [
        b',"currency":"%s","payment_method":"%s"}'
        % (fragments.currencies[store], fragments.payments[payment])
        for store, payment in zip(stores, columns.baskets.payment.tolist(), strict=True)
    ]
    return Texts.of(before), Texts.of(middle), Texts.of(tail)


@cache
def _hex() -> NDArray[np.uint32]:
    """(65536,) the four digits of each number, as they lie in memory."""
    return np.frombuffer(b"".join(b"%04x" % n for n in range(65536)), np.uint32)


def _ids(milliseconds: NDArray[np.int64], bits: NDArray[np.uint64]) -> NDArray[np.bytes_]:
    """The beginning of each line: UUIDs of version 7 (RFC 9562), the time before the bits."""
    count = len(milliseconds)
    words = np.empty((count, 2), ">u8")
    words[:, 0] = (milliseconds.astype(np.uint64) << np.uint64(16)) | np.uint64(0x7000)
    words[:, 0] |= bits[:, 0] >> np.uint64(52)
    words[:, 1] = (bits[:, 1] >> np.uint64(2)) | np.uint64(1 << 63)
    digits = _hex()[words.view(">u2")].view(np.uint8)
    text = np.empty((count, len(_ID)), np.uint8)
    text[:] = _ID
    for first, last, at in _GROUPS:
        place = len(_HEAD) + at
        text[:, place : place + last - first] = digits[:, first:last]
    return text.view(f"S{len(_ID)}").ravel()
