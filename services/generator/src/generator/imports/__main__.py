"""python -m generator.imports FILE --map map.yaml [--speed N|max] [--dry-run] [--allow-refused]

Exit code 0: every row is an event; 1: rows were refused (0 with --allow-refused), or Kafka could
not be reached; 2: the map, the file or a setting is wrong; 130: interrupted.
"""

import argparse
import asyncio
import json
import signal
import sys
from pathlib import Path
from typing import cast

from generator.imports.importer import Importer
from generator.imports.pacing import parse_speed
from generator.imports.publishing import Publisher
from generator.imports.reading import Unreadable
from generator.imports.report import RefusedFile, as_json, as_text
from generator.imports.sales_map import read_map
from generator.imports.sending import publish_in_file_order, publish_in_time_order
from pipeline.clients.kafka import kafka_errors, producer
from pipeline.errors import SettingsError, Transient
from pipeline.settings import KafkaSettings, TopicSettings, load_all

_INTERRUPTED = "interrupted; run it again to send the rest: what was sent counts once"


def main() -> int:
    arguments = _arguments()
    try:
        return asyncio.run(_run(arguments))
    except (SettingsError, Unreadable) as error:
        return _complain(str(error), 2)
    except OSError as error:
        return _complain(f"{error.filename or arguments.file}: {error.strerror}", 2)
    except Transient as error:
        return _complain(f"Kafka: {error}; run it again when it is back", 1)
    except KeyboardInterrupt:
        return _complain(_INTERRUPTED, 130)


def _arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="salespipe import", description="Publish a sales file.")
    parser.add_argument("file", type=Path)
    parser.add_argument("--map", type=Path, required=True, help="which column is which field")
    parser.add_argument("--speed", type=parse_speed, default=None, help="60: an hour in a minute")
    parser.add_argument("--currency", default="USD", help="where the map names none")
    parser.add_argument("--dry-run", action="store_true", help="convert and count, send nothing")
    parser.add_argument("--allow-refused", action="store_true", help="exit 0 despite refused rows")
    parser.add_argument("--refused", type=Path, help="where refused rows go")
    parser.add_argument("-o", "--output", choices=("text", "json"), default="text")
    return parser.parse_args()


async def _run(arguments: argparse.Namespace) -> int:
    sales_map = read_map(arguments.map)
    refused = RefusedFile(arguments.refused or Path(f"{arguments.file.name}.refused.jsonl"))
    importer = Importer(arguments.file, sales_map, arguments.currency, refused.add)
    try:
        if arguments.dry_run:
            for _ in importer:
                pass
        elif not await _publish(importer, arguments.speed):
            return _complain(_INTERRUPTED, 130)
    finally:
        refused.close()
    outcome = importer.outcome
    if arguments.output == "json":
        print(json.dumps(as_json(outcome, refused.path), ensure_ascii=False))  # noqa: T201
    else:
        print(as_text(outcome, refused.path))  # noqa: T201
    return 1 if outcome.refused and not arguments.allow_refused else 0


async def _publish(importer: Importer, speed: float | None) -> bool:
    """False when a signal stopped it before the end."""
    kafka, topics = load_all(KafkaSettings, TopicSettings)
    stop, loop = asyncio.Event(), asyncio.get_running_loop()
    kafka, topics = cast(KafkaSettings, kafka), cast(TopicSettings, topics)
    async with producer(
        kafka, client_id="salespipe-import", linger_ms=5, compression_type="zstd"
    ) as sender:
        with kafka_errors():
            partitions = await sender.partitions_for(topics.topic_events)
        publisher = Publisher(sender, topics, len(partitions))
        if speed is None:
            await publish_in_file_order(importer, publisher)
            return True
        for signum in (signal.SIGINT, signal.SIGTERM):
            loop.add_signal_handler(signum, stop.set)
        await publish_in_time_order(importer, publisher, speed, stop)
        return not stop.is_set()


def _complain(message: str, code: int) -> int:
    for line in message.splitlines():
        print(f"error: {line}", file=sys.stderr)  # noqa: T201
    return code


if __name__ == "__main__":
    sys.exit(main())
