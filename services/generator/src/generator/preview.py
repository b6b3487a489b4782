"""python -m generator.preview [--from T] [--to T] [--seed N] [--rate N] [--scenario S] [--sample N]

Counts the sales of a window, or prints the first N of them, and sends nothing. Without times: the
hour that ended last. rate is events an hour.
"""

import argparse
import json
import sys
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from itertools import chain, islice
from typing import Any

from generator.batch import Batch, Order
from generator.knobs import SCENARIOS
from generator.streams import Stream
from generator.windows import at, window_between


def main() -> int:
    parser = argparse.ArgumentParser(prog="salespipe gen", description="Look at sales.")
    parser.add_argument("--from", dest="start", type=_time)
    parser.add_argument("--to", dest="end", type=_time)
    parser.add_argument("--seed", type=int, default=42)
    parser.add_argument("--rate", type=int, default=3000, help="events an hour")
    parser.add_argument("--scenario", choices=sorted(SCENARIOS), default="default")
    parser.add_argument("--sample", type=int, default=0, help="print so many events")
    parser.add_argument("-o", "--output", choices=("text", "json"), default="text")
    words = parser.parse_args()
    try:
        order = _order(words)
    except ValueError as error:
        parser.error(str(error))
    if words.sample:
        _print_events(order, words.sample)
    else:
        show: Callable[[dict[str, Any]], str] = json.dumps if words.output == "json" else _as_text
        print(show(_counted(order)))  # noqa: T201
    return 0


def _time(text: str) -> datetime:
    return datetime.fromisoformat(text)


def _order(words: argparse.Namespace) -> Order:
    hour = datetime.now(UTC).replace(minute=0, second=0, microsecond=0)
    start = words.start or (words.end or hour) - timedelta(hours=1)
    window = window_between(start, words.end or start + timedelta(hours=1))
    stream, knobs = Stream(words.seed, words.rate), SCENARIOS[words.scenario]
    return Order(window.batch_id, at(window.start), at(window.end), stream, knobs)


def _print_events(order: Order, count: int) -> None:
    values = chain.from_iterable(chunk.values for chunk in Batch(order))
    try:
        for value in islice(values, count):
            sys.stdout.buffer.write(value + b"\n")
        sys.stdout.buffer.flush()
    except BrokenPipeError:  # `| head`
        sys.stderr.close()


def _counted(order: Order) -> dict[str, Any]:
    batch = Batch(order)
    for _ in batch:
        pass
    found = batch.manifest(order.knobs.as_dict(), datetime.now(UTC)).model_dump(mode="json")
    names = ("batch_id", "event_count", "message_count", "quantity_sum", "net_amount_sum")
    return {name: found[name] for name in names} | {"injected": found["injected"]}


def _as_text(found: dict[str, Any]) -> str:
    net = ", ".join(f"{amount} {currency}" for currency, amount in found["net_amount_sum"].items())
    injected = ", ".join(f"{count} {kind}" for kind, count in found["injected"].items())
    return (
        f"{found['batch_id']}: {found['event_count']:,} events in {found['message_count']:,}"
        f" messages, {found['quantity_sum']} units, {net or 'nothing'}\n"
        f"  of them {injected or 'nothing odd'}; nothing was sent"
    )


if __name__ == "__main__":
    sys.exit(main())
