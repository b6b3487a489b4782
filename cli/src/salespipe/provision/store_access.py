"""A MinIO's users with a policy each, and where the bucket's events go; all can be repeated.

Policies are minio/policies/USER.json; the user's access key is salespipe-USER.
"""

import json
from collections.abc import Mapping
from pathlib import Path
from urllib.parse import urlsplit

from pipeline.clients.s3 import s3_client, s3_errors
from pipeline.errors import Transient
from pipeline.settings import S3Settings
from salespipe.settings import project_root

# the server's own name for its Kafka target: MINIO_NOTIFY_KAFKA_*_SALES
KAFKA_TARGET = "arn:minio:sqs::SALES:kafka"


def access_key(user: str) -> str:
    return f"salespipe-{user}"


def create_users(
    s3: S3Settings, secret_keys: Mapping[str, str], folder: Path | None = None
) -> None:
    """Each user with its secret key and its policy alone. Blocking; needs the root user."""
    from minio import MinioAdmin
    from minio.credentials.providers import StaticProvider
    from minio.error import MinioAdminException
    from urllib3.exceptions import HTTPError

    assert s3.s3_endpoint_url
    assert s3.aws_access_key_id
    assert s3.aws_secret_access_key
    endpoint = urlsplit(s3.s3_endpoint_url)
    admin = MinioAdmin(
        endpoint=endpoint.netloc,
        secure=endpoint.scheme == "https",
        credentials=StaticProvider(
            s3.aws_access_key_id, s3.aws_secret_access_key.get_secret_value()
        ),
    )
    try:
        for user, secret_key in secret_keys.items():
            policy = json.loads((folder or policies()).joinpath(f"{user}.json").read_text())
            admin.user_add(access_key(user), secret_key)
            admin.policy_add(access_key(user), policy=policy)
            admin.policy_set(access_key(user), user=access_key(user))
    except (MinioAdminException, HTTPError) as error:
        raise Transient(f"the store's administration: {error}", dependency="s3") from error


def policies() -> Path:
    return project_root() / "minio" / "policies"


async def announce_objects(s3: S3Settings, target: str = KAFKA_TARGET) -> None:
    """Old versions of an object stay; every new object is told to the target. Raises Transient."""
    async with s3_client(s3) as client:
        with s3_errors():
            await client.put_bucket_versioning(
                Bucket=s3.s3_bucket, VersioningConfiguration={"Status": "Enabled"}
            )
            await client.put_bucket_notification_configuration(
                Bucket=s3.s3_bucket,
                NotificationConfiguration={
                    "QueueConfigurations": [
                        {"Id": "sales", "QueueArn": target, "Events": ["s3:ObjectCreated:*"]}
                    ]
                },
            )
