"""Inside a container, with its user of the object store: what comes of each operation."""

import asyncio
import json
import urllib.error
import urllib.request
from typing import Any

from pipeline.clients.s3 import s3_client
from pipeline.settings import S3Settings

S3 = S3Settings.load()
BUCKET = S3.s3_bucket


async def outcome(awaited: Any) -> str:
    try:
        await awaited
    except Exception as error:  # noqa: BLE001  # whatever it is, it is the outcome
        return str(error)
    return "done"


def stranger() -> str:
    try:
        urllib.request.urlopen(f"{S3.s3_endpoint_url}/{BUCKET}", timeout=5)
    except urllib.error.HTTPError as error:
        return f"HTTP {error.code}"
    return "done"


async def main() -> None:
    async with s3_client(S3) as client:
        listed = await client.list_objects_v2(Bucket=BUCKET, Prefix="sales_batch_topic/")
        key = listed["Contents"][0]["Key"]
        attempts = {
            "list": client.list_objects_v2(Bucket=BUCKET, MaxKeys=1),
            "read": client.get_object(Bucket=BUCKET, Key=key),
            "create again": client.put_object(Bucket=BUCKET, Key=key, Body=b"", IfNoneMatch="*"),
            "write elsewhere": client.put_object(Bucket=BUCKET, Key="attempt.json", Body=b"{}"),
            "delete": client.delete_object(Bucket=BUCKET, Key=key),
            "delete the bucket": client.delete_bucket(Bucket=BUCKET),
            "make a bucket": client.create_bucket(Bucket="attempt"),
            "read the policy": client.get_bucket_policy(Bucket=BUCKET),
            "turn versions off": client.put_bucket_versioning(
                Bucket=BUCKET, VersioningConfiguration={"Status": "Suspended"}
            ),
            "turn events off": client.put_bucket_notification_configuration(
                Bucket=BUCKET, NotificationConfiguration={}
            ),
        }
        found = {name: await outcome(awaited) for name, awaited in attempts.items()}
    print(json.dumps(found | {"list as a stranger": stranger()}))


asyncio.run(main())
