"""Which objects are sales files, and in what form, by their key."""

from dataclasses import dataclass
from typing import Literal

from pipeline.contracts.objects import OWN_PREFIX

Form = Literal["json", "csv", "parquet"]
Packing = Literal["none", "gzip", "zstd"]

_FORMS: dict[str, Form] = {
    "json": "json",
    "jsonl": "json",
    "ndjson": "json",
    "csv": "csv",
    "parquet": "parquet",
}
_PACKINGS: dict[str, Packing] = {"gz": "gzip", "gzip": "gzip", "zst": "zstd", "zstd": "zstd"}
# the pipeline's own objects (the sink's self-test) and a store's internal ones
_OURS = (OWN_PREFIX, ".")


@dataclass(frozen=True)
class ObjectKind:
    form: Form
    packing: Packing


def kind_of(key: str, prefixes: tuple[str, ...] = ("",)) -> ObjectKind | None:
    """How to read the object, None where it is not for the loader."""
    if key.endswith("/") or key.startswith(_OURS) or not key.startswith(prefixes):
        return None
    words = key.rsplit("/", 1)[-1].lower().split(".")
    packing: Packing = "none"
    if words[-1] in _PACKINGS:
        packing = _PACKINGS[words.pop()]
    form = _FORMS.get(words[-1]) if len(words) > 1 else None
    return None if form is None else ObjectKind(form, packing)
