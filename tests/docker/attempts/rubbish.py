"""Inside setup-store's container, as the store's root: a file that the loader sets aside."""

import asyncio
import gzip
import json

from pipeline.clients.s3 import s3_client
from pipeline.settings import S3Settings


async def main() -> None:
    s3 = S3Settings.load()
    async with s3_client(s3) as client:
        await client.put_object(
            Bucket=s3.s3_bucket, Key="dropped/cut-off.json.gz", Body=gzip.compress(b"{}\n")[:-6]
        )
    print(json.dumps({"put": "done"}))


asyncio.run(main())
