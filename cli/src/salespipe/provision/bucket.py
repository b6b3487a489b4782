"""The bucket. Identities and notifications are the store's own configuration."""

from aiobotocore.config import AioConfig
from aiobotocore.session import get_session
from botocore.exceptions import ClientError

from pipeline.settings import S3Settings

_EXISTS = ("BucketAlreadyOwnedByYou", "BucketAlreadyExists")


async def create(s3: S3Settings) -> bool:
    """Create the bucket; False where it was there. Needs the store's administrator."""
    assert s3.aws_secret_access_key
    session = get_session()
    async with session.create_client(
        "s3",
        endpoint_url=s3.s3_endpoint_url,
        region_name=s3.aws_region,
        aws_access_key_id=s3.aws_access_key_id,
        aws_secret_access_key=s3.aws_secret_access_key.get_secret_value(),
        verify=s3.s3_ca_file,
        config=AioConfig(s3={"addressing_style": "path"}, retries={"total_max_attempts": 5}),
    ) as client:
        try:
            await client.create_bucket(Bucket=s3.s3_bucket)
        except ClientError as error:
            if error.response["Error"]["Code"] not in _EXISTS:
                raise
            return False
    return True
