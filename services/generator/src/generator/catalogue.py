"""Products, stores and customers, and the integer tables beside them, as shipped."""

import csv
import json
import zoneinfo
from dataclasses import dataclass
from functools import cache
from importlib.resources import files
from typing import Any

import numpy as np
from numpy.typing import NDArray


@dataclass(frozen=True)
class Store:
    store_id: str
    region: str
    time_zone: zoneinfo.ZoneInfo
    currency: str
    weight: int


@dataclass(frozen=True)
class Product:
    product_id: str
    name: str
    category: str
    price: int  # cents
    weight: int


@dataclass(frozen=True)
class Catalogue:
    """Tables are quantiles: entry u of 2**bits is what a uniform word of so many bits means."""

    stores: tuple[Store, ...]
    products: tuple[Product, ...]
    customers: tuple[str, ...]
    product_of: NDArray[np.uint16]  # (2**18,)
    customer_of: NDArray[np.uint16]  # (2**18,)
    lines_of: NDArray[np.int64]  # (2**16,)
    quantity_of: NDArray[np.int64]  # (2**16,)
    prices: NDArray[np.int64]  # cents, a product each
    mean_lines: tuple[int, int]  # of a basket: numerator, denominator
    tables: dict[str, Any]

    @property
    def currencies(self) -> tuple[str, ...]:
        return tuple(sorted({store.currency for store in self.stores}))


@cache
def catalogue() -> Catalogue:
    # the pinned tzdata, whatever the host has
    zoneinfo.reset_tzpath(to=[])
    tables = json.loads(_data("tables.json"))
    products = tuple(
        Product(r["product_id"], r["name"], r["category"], int(r["price_cents"]), int(r["weight"]))
        for r in _rows("products.csv")
    )
    stores = tuple(
        Store(
            r["store_id"],
            r["region"],
            zoneinfo.ZoneInfo(r["time_zone"]),
            r["currency"],
            int(r["weight"]),
        )
        for r in _rows("stores.csv")
    )
    customers = _rows("customers.csv")
    lengths = tables["basket_lines"]
    return Catalogue(
        stores=stores,
        products=products,
        customers=tuple(r["customer_id"] for r in customers),
        product_of=_quantiles([p.weight for p in products], 18).astype(np.uint16),
        customer_of=_quantiles([int(r["weight"]) for r in customers], 18).astype(np.uint16),
        lines_of=_quantiles(lengths, 16) + 1,
        quantity_of=_quantiles(tables["quantities"], 16) + 1,
        prices=np.array([p.price for p in products], np.int64),
        mean_lines=(sum(n * w for n, w in enumerate(lengths, 1)), sum(lengths)),
        tables=tables,
    )


def _quantiles(weights: list[int], bits: int) -> NDArray[np.int64]:
    assert sum(weights) == 1 << bits
    return np.repeat(np.arange(len(weights)), weights)


def _data(name: str) -> str:
    return files("generator").joinpath("data", name).read_text(encoding="utf-8")


def _rows(name: str) -> list[dict[str, str]]:
    return list(csv.DictReader(_data(name).splitlines()))
