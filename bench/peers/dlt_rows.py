"""dlt, S3 to PostgreSQL: its filesystem source; files that are newer than the last run's.

As its guide says for lines ("documented"), and by the quickest way it has: Arrow tables, which go
into PostgreSQL by ADBC, a binary COPY. Run in an environment of its own; argument: JSON (see
place.py).
"""

import json
import os
import sys
from collections.abc import Iterator
from typing import Any

import dlt
import pyarrow.json
from dlt.sources.filesystem import filesystem, read_jsonl, read_parquet


@dlt.transformer  # type: ignore[untyped-decorator]
def read_arrow(items: Any) -> Iterator[Any]:
    for item in items:
        with item.open() as opened:
            yield pyarrow.json.read_json(opened)


def main(place: dict[str, Any]) -> None:
    os.environ |= {
        "RUNTIME__DLTHUB_TELEMETRY": "false",
        "RUNTIME__LOG_LEVEL": "ERROR",
        "DESTINATION__POSTGRES__CREDENTIALS": place["dsn"],
        "SOURCES__FILESYSTEM__CREDENTIALS__AWS_ACCESS_KEY_ID": place["key"],
        "SOURCES__FILESYSTEM__CREDENTIALS__AWS_SECRET_ACCESS_KEY": place["secret"],
        "SOURCES__FILESYSTEM__CREDENTIALS__ENDPOINT_URL": place["endpoint"],
        "SOURCES__FILESYSTEM__CREDENTIALS__REGION_NAME": "us-east-1",
    }
    files = filesystem(
        bucket_url=f"s3://{place['bucket']}/{place['prefix']}", file_glob=f"*{place['suffix']}"
    )
    files.apply_hints(incremental=dlt.sources.incremental("modification_date"))
    reader: Any = {"documented": read_jsonl, "arrow": read_arrow, "parquet": read_parquet}
    options = {"chunksize": 50_000, "use_pyarrow": True} if place["way"] == "parquet" else {}
    rows = (files | reader[place["way"]](**options)).with_name(place["table"])
    pipeline = dlt.pipeline(
        place["table"], destination="postgres", dataset_name=place["schema"],
        pipelines_dir=place["folder"],
    )  # fmt: skip
    quick = {} if place["way"] == "documented" else {"loader_file_format": "parquet"}
    pipeline.run(rows, write_disposition="append", **quick)


if __name__ == "__main__":
    main(json.loads(sys.argv[1]))
