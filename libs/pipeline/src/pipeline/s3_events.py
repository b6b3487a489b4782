"""Bucket notifications of every store we know, as ObjectCreated: bytes in, no I/O.

    MinIO, RustFS on Kafka   EventName, Key, Records; keys are URL-encoded
    AWS plain                Records; keys are URL-encoded
    AWS through SNS          the same, as text in Message
    AWS EventBridge          detail.object; keys as they are
    AWS TestEvent            names no object
    SeaweedFS filer          the message key is a path, an object's /buckets/<bucket>/<key>; the
                             value is its own

A notification is a hint that an object may be there. What it does not say (SeaweedFS tells
neither size nor whether the object was deleted) is asked of the store.
"""

import json
from dataclasses import dataclass
from typing import Any
from urllib.parse import unquote_plus

from pipeline.errors import Poison

_FILER_ROOT = b"/buckets/"
_FILER_INTERNAL = (".uploads", ".system")
_LONGEST_KEY = 1024  # bytes, S3's limit


@dataclass(frozen=True)
class ObjectCreated:
    """An object that somebody wrote. size (bytes), etag and sequencer where the store told them.

    sequencer orders the events of one key as text, the shorter padded with zeros to the right; it
    says nothing across keys.
    """

    bucket: str
    key: str
    size: int | None = None
    etag: str = ""
    sequencer: str = ""


def parse(value: bytes | None, key: bytes | None = None) -> list[ObjectCreated]:
    """What a notification says was created; empty for other events and the store's own files.

    Raises Poison("bad_notification") for anything that is none. A key is never guessed: one that
    does not decode, or that no ledger can hold, names no object.
    """
    try:
        if key is not None and key.startswith(b"/"):
            return _filer(key)
        return _document(json.loads(value or b""))
    except (ValueError, LookupError, TypeError, AttributeError, OverflowError) as error:
        raise Poison("bad_notification", f"{type(error).__name__}: {error}") from error
    except RecursionError as error:
        raise Poison("bad_notification", "nested too deeply") from error


def _document(document: Any) -> list[ObjectCreated]:
    if not isinstance(document, dict):
        raise TypeError(f"a {type(document).__name__} is no notification")
    if document.get("Event") == "s3:TestEvent":
        return []
    if isinstance(document.get("Message"), str):
        return _document(json.loads(document["Message"]))
    if "detail" in document:
        return _event_bridge(document)
    found = [_record(record) for record in document["Records"]]
    return [created for created in found if created is not None]


def _record(record: dict[str, Any]) -> ObjectCreated | None:
    """MinIO names events s3:ObjectCreated:Put, AWS ObjectCreated:Put."""
    if not record["eventName"].removeprefix("s3:").startswith("ObjectCreated"):
        return None
    stored = record["s3"]["object"]
    key = unquote_plus(stored["key"], errors="strict")
    return _created(record["s3"]["bucket"]["name"], key, stored, "eTag")


def _event_bridge(document: dict[str, Any]) -> list[ObjectCreated]:
    if document["detail-type"] != "Object Created":
        return []
    stored = document["detail"]["object"]
    return [_created(document["detail"]["bucket"]["name"], stored["key"], stored, "etag")]


def _created(bucket: str, key: str, stored: dict[str, Any], etag: str) -> ObjectCreated:
    size = stored.get("size")
    return ObjectCreated(
        bucket=_name(bucket),
        key=_name(key),
        size=None if size is None else int(size),
        etag=str(stored.get(etag) or "").strip('"'),
        sequencer=str(stored.get("sequencer") or ""),
    )


def _name(text: Any) -> str:
    if not isinstance(text, str):
        raise TypeError(f"a {type(text).__name__} names nothing")
    if not text or "\0" in text:
        raise ValueError("an empty name, or one with NUL")
    # half of a surrogate pair, which JSON can hold, is a ValueError
    if len(text.encode()) > _LONGEST_KEY:
        raise ValueError("a name that is too long")
    return text


def _filer(path: bytes) -> list[ObjectCreated]:
    """The filer tells of its whole tree: /buckets itself, folders, its own files."""
    if not path.startswith(_FILER_ROOT):
        return []
    bucket, _, key = path.removeprefix(_FILER_ROOT).decode().partition("/")
    if not key or bucket.startswith(".") or key.split("/", 1)[0] in _FILER_INTERNAL:
        return []
    return [ObjectCreated(_name(bucket), _name(key))]
