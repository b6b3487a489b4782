"""A notification is acknowledged when each object it names has a verdict, not before."""

from dataclasses import dataclass
from typing import Any, cast

from aiokafka import TopicPartition

from loader.announcer import some
from loader.intake import Intake
from loader.load_queue import LoadQueue
from pipeline.settings import KafkaSettings, TopicSettings

PARTITION = TopicPartition("s3_events", 0)


@dataclass
class Message:
    offset: int
    key: bytes
    value: bytes = b""


def intake(queue: LoadQueue) -> Intake:
    nobody = cast(Any, None)
    return Intake(
        KafkaSettings(), TopicSettings(), nobody, nobody, queue, nobody,
        bucket="sales", prefixes=("",), group_id="loader",
    )  # fmt: skip


def test_only_a_verdict_acknowledges() -> None:
    queue = LoadQueue()
    reading = intake(queue)
    reading.take_notification(PARTITION, Message(7, b"/buckets/sales/a.json.gz"))
    assert reading.offsets.committable() == {}
    entry = queue.next()
    assert entry is not None
    assert reading.offsets.committable() == {}
    queue.finish(entry)
    assert reading.offsets.committable() == {PARTITION: 8}


def test_what_is_not_for_us_is_acknowledged_at_once() -> None:
    queue = LoadQueue()
    reading = intake(queue)
    for offset, key in enumerate(
        (b"/buckets/other/a.json", b"/buckets/sales/notes.txt", b"/buckets")
    ):
        reading.take_notification(PARTITION, Message(offset, key))
    assert reading.offsets.committable() == {PARTITION: 3}
    assert len(queue) == 0


def test_an_announcement_names_as_many_batches_as_fit_a_message() -> None:
    assert some(["b1", "b2"]) == ["b1", "b2"]
    assert len(some(["x" * 1000] * 5000)) == 100
