"""Inside setup-store's container, as the store's root: an archived object goes, or comes back.

hide: of the objects that the sink writes from now on, one with neighbours on both sides; its key is
the answer. return KEY: where it was, as it was.
"""

import asyncio
import json
import sys
from collections import defaultdict
from typing import Any

from pipeline.clients.s3 import s3_client
from pipeline.settings import S3Settings

S3 = S3Settings.load()
SAFE = "hidden"


async def archived(client: Any) -> set[str]:
    pages = client.get_paginator("list_objects_v2").paginate(
        Bucket=S3.s3_bucket, Prefix="sales_batch_topic/"
    )
    return {item["Key"] async for page in pages for item in page.get("Contents", [])}


async def one_between_two(client: Any) -> str:
    known = await archived(client)
    while True:
        by_partition = defaultdict(list)
        for key in sorted(await archived(client) - known):
            by_partition[key.rsplit("-", 2)[1]].append(key)
        for keys in by_partition.values():
            if len(keys) >= 3:
                return keys[1]
        await asyncio.sleep(0.5)


async def move(client: Any, key: str, source: str, target: str) -> None:
    await client.copy_object(Bucket=target, Key=key, CopySource={"Bucket": source, "Key": key})
    await client.delete_object(Bucket=source, Key=key)


async def main(what: str, key: str = "") -> None:
    async with s3_client(S3) as client:
        if what == "hide":
            await client.create_bucket(Bucket=SAFE)
            key = await one_between_two(client)
            await move(client, key, S3.s3_bucket, SAFE)
        else:
            await move(client, key, SAFE, S3.s3_bucket)
    print(json.dumps({"key": key}))


asyncio.run(main(*sys.argv[1:]))
