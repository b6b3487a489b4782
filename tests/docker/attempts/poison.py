"""Inside the generator's container, with its Kafka user: events that no loader can use (COUNT)."""

import asyncio
import json
import sys

from pipeline.clients.kafka import producer
from pipeline.settings import KafkaSettings


async def main(count: int) -> None:
    async with producer(KafkaSettings.load(), client_id="poison") as client:
        for _ in range(count):
            sent = await client.send("sales_batch_topic", b"not JSON", key=b"S001")
        await sent
    print(json.dumps({"sent": "done"}))


asyncio.run(main(int(sys.argv[1]) if len(sys.argv) > 1 else 1))
