"""python -m generator.preview [--from T] [--to T] [--seed N] [--rate N] [--scenario S] [--limit N]

Prints lines of the stream and sends nothing. Without times: the hour that ended last.
"""

import argparse
import sys
from datetime import UTC, datetime, timedelta
from itertools import chain, islice

from generator.batch import Batch, Order
from generator.knobs import SCENARIOS
from generator.streams import Stream
from generator.windows import at, window_between


def main() -> int:
    hour = datetime.now(UTC).replace(minute=0, second=0, microsecond=0)
    parser = argparse.ArgumentParser(prog="generator.preview", description="Print sample sales.")
    parser.add_argument("--from", dest="start", type=datetime.fromisoformat)
    parser.add_argument("--to", dest="end", type=datetime.fromisoformat)
    parser.add_argument("--seed", type=int, default=42)
    parser.add_argument("--rate", type=int, default=3000, help="events an hour")
    parser.add_argument("--scenario", choices=sorted(SCENARIOS), default="default")
    parser.add_argument("--limit", type=int, default=10, help="lines; 0 for all")
    words = parser.parse_args()
    start = words.start or (words.end or hour) - timedelta(hours=1)
    end = words.end or start + timedelta(hours=1)
    try:
        window = window_between(start, end)
    except ValueError as error:
        parser.error(str(error))
    stream, knobs = Stream(words.seed, words.rate), SCENARIOS[words.scenario]
    order = Order(window.batch_id, at(window.start), at(window.end), stream, knobs)
    values = chain.from_iterable(chunk.values for chunk in Batch(order))
    try:
        for value in islice(values, words.limit or None):
            sys.stdout.buffer.write(value + b"\n")
        sys.stdout.buffer.flush()
    except BrokenPipeError:  # `| head`
        sys.stderr.close()
    return 0


if __name__ == "__main__":
    sys.exit(main())
