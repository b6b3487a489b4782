"""The usual script, Kafka to S3: aiokafka, json, boto3. Ends when the topic is read.

As such scripts are written: each event is parsed, so that nothing broken is archived; a file of
FILE events a partition, gzip at level 1 as ours, then the offset is committed. Run in an
environment of its own; argument: JSON (see place.py), table being the topic, dsn the brokers.
"""

import asyncio
import gzip
import json
import sys
from typing import Any

import boto3
from aiokafka import AIOKafkaConsumer, TopicPartition

FILE = 50_000  # events


async def main(place: dict[str, Any]) -> None:
    store = boto3.client(
        "s3", endpoint_url=place["endpoint"], aws_access_key_id=place["key"],
        aws_secret_access_key=place["secret"], region_name="us-east-1",
    )  # fmt: skip
    consumer = AIOKafkaConsumer(
        place["table"], bootstrap_servers=place["dsn"], group_id=place["folder"],
        auto_offset_reset="earliest", enable_auto_commit=False, isolation_level="read_committed",
    )  # fmt: skip
    open_files: dict[TopicPartition, list[Any]] = {}
    ends: dict[TopicPartition, int] = {}

    async def archive(part: TopicPartition) -> None:
        events = open_files.pop(part)
        body = gzip.compress(b"".join(json.dumps(e).encode() + b"\n" for _, e in events), 1)
        first, last = events[0][0], events[-1][0]
        key = f"{place['prefix']}{part.partition}/{first:012d}{place['suffix']}"
        await asyncio.to_thread(store.put_object, Bucket=place["bucket"], Key=key, Body=body)
        await consumer.commit({part: last + 1})

    async with consumer:
        done = 0
        while not ends or done < sum(ends.values()):
            found = await consumer.getmany(timeout_ms=200, max_records=10_000)
            if not ends and consumer.assignment():
                ends = await consumer.end_offsets(list(consumer.assignment()))
            for part, records in found.items():
                events = open_files.setdefault(part, [])
                events += [(r.offset, json.loads(r.value)) for r in records]
                done += len(records)
                if len(events) >= FILE:
                    await archive(part)
        for part in list(open_files):
            await archive(part)


if __name__ == "__main__":
    asyncio.run(main(json.loads(sys.argv[1])))
