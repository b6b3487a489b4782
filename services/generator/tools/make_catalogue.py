"""Makes src/generator/data once. Not run again: a new catalogue is a new stream of sales.

    python services/generator/tools/make_catalogue.py

Floats and Faker are allowed here only: what is shipped is text and integers, because Faker changes
between versions and floating functions between processors. Weights of products and customers sum
to 2**18, those of lengths and quantities to 2**16.
"""

import csv
import json
import math
import random
from pathlib import Path

from faker import Faker

DATA = Path(__file__).parents[1] / "src" / "generator" / "data"
PRODUCTS, CUSTOMERS, STORES = 4000, 20_000, 120
# category: (share of products, median price in cents, things)
CATEGORIES = {
    "Groceries": (26, 219, "Olive oil|Pasta|Rice|Flour|Beans|Honey|Coffee|Tea|Soup|Cereal"),
    "Produce": (14, 159, "Apples|Bananas|Carrots|Tomatoes|Lettuce|Onions|Grapes|Pears"),
    "Dairy": (11, 189, "Milk|Butter|Yoghurt|Cheddar|Cream|Eggs"),
    "Bakery": (9, 179, "Bread|Rolls|Bagels|Muffins|Croissants"),
    "Meat and fish": (8, 499, "Chicken|Beef|Salmon|Turkey|Tuna|Ham"),
    "Frozen": (7, 299, "Pizza|Peas|Ice cream|Fish fingers|Berries"),
    "Drinks": (10, 169, "Orange juice|Water|Cola|Lemonade|Beer|Wine"),
    "Household": (8, 349, "Detergent|Paper towels|Sponges|Candles|Batteries"),
    "Personal care": (5, 399, "Shampoo|Soap|Toothpaste|Lotion|Razors"),
    "Pets": (2, 549, "Cat food|Dog food|Litter|Treats"),
}
SIZES = ("250 g", "500 g", "1 kg", "1 l", "2 l", "6 pack", "12 pack", "small", "large", "family")
# region: (share of stores, currency, time zones)
REGIONS = {
    "Northeast": (24, "USD", ("America/New_York",)),
    "South": (24, "USD", ("America/New_York", "America/Chicago")),
    "Midwest": (20, "USD", ("America/Chicago", "America/Detroit")),
    "Mountain": (10, "USD", ("America/Denver", "America/Phoenix")),
    "West": (22, "USD", ("America/Los_Angeles",)),
    "Europe": (20, "EUR", ("Europe/Madrid", "Europe/Berlin", "Europe/Dublin")),
}


def to_integers(weights: list[float], total: int) -> list[int]:
    """Integer weights that sum to total, each at least 1."""
    scale = (total - len(weights)) / sum(weights)
    whole = [1 + int(weight * scale) for weight in weights]
    whole[whole.index(max(whole))] += total - sum(whole)
    return whole


def write(name: str, header: tuple[str, ...], rows: list[tuple[object, ...]]) -> None:
    with (DATA / name).open("w", newline="", encoding="utf-8") as file:
        writer = csv.writer(file, lineterminator="\n")
        writer.writerow(header)
        writer.writerows(rows)


def products(chance: random.Random, fake: Faker) -> None:
    zipf = [1 / (rank + 12) ** 0.7 * math.exp(-rank / 1500) for rank in range(PRODUCTS)]
    weights = to_integers(zipf, 2**18)
    names: set[str] = set()
    rows: list[tuple[object, ...]] = []
    for number in range(PRODUCTS):
        category = chance.choices(list(CATEGORIES), [c[0] for c in CATEGORIES.values()])[0]
        _, median, things = CATEGORIES[category]
        name = ""
        while not name or name in names:
            brand = fake.last_name()
            name = f"{brand} {chance.choice(things.split('|'))} {chance.choice(SIZES)}"
        names.add(name)
        price = max(25, round(median * math.exp(chance.gauss(-0.28, 0.6))))
        rows.append((f"P{number + 1:05d}", name, category, price, weights[number]))
    write("products.csv", ("product_id", "name", "category", "price_cents", "weight"), rows)


def stores(chance: random.Random, fake: Faker) -> None:
    regions = [region for region, (count, _, _) in REGIONS.items() for _ in range(count)]
    chance.shuffle(regions)
    rows: list[tuple[object, ...]] = []
    for number, region in enumerate(regions):
        _, currency, zones = REGIONS[region]
        weight = round(10_000 / (number + 8) ** 0.9 * math.exp(-number / 60))
        city = fake.unique.city()
        rows.append((f"S{number + 1:03d}", city, region, chance.choice(zones), currency, weight))
    write("stores.csv", ("store_id", "city", "region", "time_zone", "currency", "weight"), rows)


def customers(chance: random.Random) -> None:
    weights = to_integers([chance.gammavariate(1.1, 1.0) for _ in range(CUSTOMERS)], 2**18)
    rows: list[tuple[object, ...]] = [
        (f"C{number + 1:07d}", weight) for number, weight in enumerate(weights)
    ]
    write("customers.csv", ("customer_id", "weight"), rows)


def tables() -> None:
    """How long baskets are, how many of a thing, and how demand moves with local time."""

    def normal(x: float) -> float:
        return 0.5 * (1 + math.erf(x / math.sqrt(2)))

    def log_normal(lines: float) -> float:
        return normal((math.log(lines) - math.log(4.85)) / 1.18)

    lengths = [log_normal(n + 0.5) - (log_normal(n - 0.5) if n > 1 else 0) for n in range(1, 162)]
    hours = [20, 14, 10, 8, 9, 16, 60, 150, 260, 330, 400, 450]
    hours += [480, 460, 440, 450, 500, 530, 500, 400, 280, 170, 90, 40]
    found = {
        "basket_lines": to_integers(lengths, 2**16),
        "quantities": to_integers([780, 130, 40, 20, 8, 12, 1, 3, 1, 2, 0.5, 2.5], 2**16),
        "hour": hours,
        "weekday": [97, 96, 98, 99, 106, 119, 124],
        "month": [95, 93, 97, 98, 100, 99, 98, 99, 100, 102, 107, 112],
        "black_friday": 160,
        "before_christmas": 135,
        "christmas": 30,
    }
    (DATA / "tables.json").write_text(json.dumps(found, indent=1) + "\n")


if __name__ == "__main__":
    DATA.mkdir(exist_ok=True)
    Faker.seed(42)
    chance_, fake_ = random.Random(42), Faker("en_US")
    products(chance_, fake_)
    stores(chance_, fake_)
    customers(chance_)
    tables()
