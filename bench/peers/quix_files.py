"""quixstreams' S3FileSink, Kafka to S3. Ends when the topic is read.

"documented": JSON as its guide shows it. "raw": values as bytes and a format of one line each, the
least that it can do. gzip in both. Run in an environment of its own; argument: JSON (see place.py),
table being the topic, dsn the brokers and way the number of events, too.
"""

import gzip
import json
import sys
from typing import Any

from quixstreams import Application
from quixstreams.sinks.community.file.formats import Format, JSONFormat
from quixstreams.sinks.community.file.s3 import S3FileSink

COMMIT_EVERY = 300_000  # events: as many as six partitions' files of 50,000


class RawLines(Format):  # type: ignore[misc]  # not installed where types are checked
    """Values as they came."""

    supports_append = True

    @property
    def file_extension(self) -> str:
        return ".json.gz"

    def serialize(self, batch: Any) -> bytes:
        return gzip.compress(b"".join(item.value + b"\n" for item in batch), 1)


def main(place: dict[str, Any]) -> None:
    way, count = place["way"].split()
    app = Application(
        broker_address=place["dsn"], consumer_group=place["folder"], auto_offset_reset="earliest",
        commit_interval=60, commit_every=COMMIT_EVERY, loglevel="ERROR",
    )  # fmt: skip
    kind = "bytes" if way == "raw" else "json"
    topic = app.topic(place["table"], value_deserializer=kind, key_deserializer="bytes")
    sink = S3FileSink(
        bucket=place["bucket"], aws_access_key_id=place["key"],
        aws_secret_access_key=place["secret"], region_name="us-east-1",
        endpoint_url=place["endpoint"], directory=place["prefix"].strip("/"),
        format=RawLines() if way == "raw" else JSONFormat(compress=True),
    )  # fmt: skip
    app.dataframe(topic).sink(sink)
    app.run(count=int(count), timeout=30, collect=False)


if __name__ == "__main__":
    main(json.loads(sys.argv[1]))
