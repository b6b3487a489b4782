"""Inside setup-kafka's container, as Kafka's admin: what was sent since deletes itself.

Waits until each partition has something new, then deletes all that is there.
"""

import asyncio
import json

from aiokafka import AIOKafkaConsumer, TopicPartition
from aiokafka.admin import AIOKafkaAdminClient, RecordsToDelete

from pipeline.clients.kafka import connection
from pipeline.settings import KafkaSettings

KAFKA = KafkaSettings.load()
TOPIC = "sales_batch_topic"


async def ends(reader: AIOKafkaConsumer) -> dict[TopicPartition, int]:
    parts = [TopicPartition(TOPIC, number) for number in reader.partitions_for_topic(TOPIC)]
    found: dict[TopicPartition, int] = await reader.end_offsets(parts)
    return found


async def main() -> None:
    admin = AIOKafkaAdminClient(**connection(KAFKA))
    await admin.start()
    reader = AIOKafkaConsumer(TOPIC, **connection(KAFKA))
    await reader.start()
    before = now = await ends(reader)
    while not all(now[part] > before[part] for part in before):
        await asyncio.sleep(0.5)
        now = await ends(reader)
    await admin.delete_records(
        {part: RecordsToDelete(before_offset=end) for part, end in now.items()}
    )
    await reader.stop()
    await admin.close()
    print(json.dumps({"deleted": sum(now.values()) - sum(before.values())}))


asyncio.run(main())
