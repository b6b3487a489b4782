"""Inside setup-store's container, as the store's root: nobody is told of new objects any more."""

import asyncio
import json

from pipeline.clients.s3 import s3_client
from pipeline.settings import S3Settings


async def main() -> None:
    s3 = S3Settings.load()
    async with s3_client(s3) as client:
        await client.put_bucket_notification_configuration(
            Bucket=s3.s3_bucket, NotificationConfiguration={}
        )
    print(json.dumps({"told": "nobody"}))


asyncio.run(main())
