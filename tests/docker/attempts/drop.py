"""Inside setup-store's container, as the store's root: a file of these lines (KEY LINES)."""

import asyncio
import gzip
import json
import sys

from pipeline.clients.s3 import s3_client
from pipeline.settings import S3Settings


async def main(key: str, lines: str) -> None:
    s3 = S3Settings.load()
    async with s3_client(s3) as client:
        await client.put_object(
            Bucket=s3.s3_bucket, Key=key, Body=gzip.compress(lines.encode() + b"\n")
        )
    print(json.dumps({"put": "done"}))


asyncio.run(main(*sys.argv[1:]))
