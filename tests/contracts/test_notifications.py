"""Each store's own notifications, and what they mean."""

import base64
import json
from dataclasses import asdict
from pathlib import Path
from typing import Any

import pytest

from loader.object_kind import kind_of
from pipeline.s3_events import parse

_FOLDER = Path(__file__).parent / "notifications"
_SOURCES = sorted(path.stem for path in _FOLDER.glob("*.json"))
_MESSAGES = [
    pytest.param(source, message, id=f"{source}-{number}")
    for source in _SOURCES
    for number, message in enumerate(json.loads((_FOLDER / f"{source}.json").read_bytes()))
]


def wire(source: str, message: dict[str, Any]) -> tuple[bytes | None, bytes | None]:
    """Value and key as they are in Kafka."""
    value, key = message["value"], message["key"]
    if source == "seaweedfs":
        return base64.b64decode(value), base64.b64decode(key)
    return json.dumps(value).encode(), None if key is None else key.encode()


@pytest.mark.parametrize(("source", "message"), _MESSAGES)
def test_a_notification_says_what_was_created(source: str, message: dict[str, Any]) -> None:
    found = parse(*wire(source, message))
    assert [asdict(created) for created in found] == message["created"]


@pytest.mark.parametrize("source", [name for name in _SOURCES if name != "aws-test-event"])
def test_every_source_is_understood_with_the_keys_that_are_hard(source: str) -> None:
    messages = json.loads((_FOLDER / f"{source}.json").read_bytes())
    keys = {created["key"] for message in messages for created in message["created"]}
    assert any("/date=2026-11-23/hour=10/" in key for key in keys)
    assert any("+" in key for key in keys)
    assert any(not key.isascii() for key in keys)
    if source != "aws-sns":
        assert any(" " in key for key in keys)
        assert any("%2F" in key for key in keys)


def test_of_what_a_filer_tells_only_sales_files_are_for_the_loader() -> None:
    messages = json.loads((_FOLDER / "seaweedfs.json").read_bytes())
    keys = [created["key"] for message in messages for created in message["created"]]
    assert "by hand/north west" in keys  # a folder: the filer tells those too
    files = [key for key in keys if kind_of(key)]
    assert len(files) == 8
    assert sorted(set(files)) == sorted(
        {key for key in keys if key.endswith(("json", "gz", "csv"))}
    )
