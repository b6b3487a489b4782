"""Inside the generator's container, with its Kafka user: an event that no loader can use."""

import asyncio
import json

from pipeline.clients.kafka import producer
from pipeline.settings import KafkaSettings


async def main() -> None:
    async with producer(KafkaSettings.load(), client_id="poison") as client:
        await client.send_and_wait("sales_batch_topic", b"not JSON", key=b"S001")
    print(json.dumps({"sent": "done"}))


asyncio.run(main())
