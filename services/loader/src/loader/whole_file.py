"""What a file must be as a whole before any of it is loaded."""

import hashlib
from collections.abc import Sequence
from dataclasses import dataclass

from loader.decode import decode
from loader.decoded import Decoded, Rules
from loader.object_kind import ObjectKind
from loader.origin import Origin
from loader.side_by_side import decode_side_by_side
from pipeline.errors import Poison

SIDE_BY_SIDE = 6 << 20  # plain bytes of small files that are decoded together
_EXPANSION = 10  # plain bytes a stored byte may stand for, where nobody tells


@dataclass(frozen=True)
class Policy:
    """What the settings say about judging a file."""

    rules: Rules
    max_reject_pct: float = 100.0
    max_reject_pct_foreign: float = 50.0
    quarantine_drift: bool = False
    alert_on_overwrite: bool = True
    max_attempts: int = 12


@dataclass(frozen=True)
class Stored:
    """An object's bytes, and how to read them. fast False goes line by line."""

    bytes: bytes
    kind: ObjectKind
    origin: Origin | None
    fast: bool = True


def decode_all(files: Sequence[Stored], policy: Policy) -> list[Decoded | Poison]:
    """Decode each, and hold it against its metadata and the settings."""
    found: list[Decoded | None] = [None] * len(files)
    if len(files) > 1 and all(_is_small(file) for file in files):
        small = [(file.bytes, file.kind.packing) for file in files]
        found = decode_side_by_side(small, policy.rules)
    return [_judged(file, one, policy) for file, one in zip(files, found, strict=True)]


def plain_size(file: Stored) -> int:
    """What the file adds to those that are decoded side by side."""
    return (
        file.origin.raw_bytes if file.origin is not None and _is_small(file) else SIDE_BY_SIDE + 1
    )


def _is_small(file: Stored) -> bool:
    """Whether its lines may stand beside those of other files: the sink's, in JSON."""
    return (
        file.fast
        and file.kind.form == "json"
        and file.origin is not None
        and file.origin.raw_bytes <= SIDE_BY_SIDE
    )


def _judged(file: Stored, found: Decoded | None, policy: Policy) -> Decoded | Poison:
    stored_sha256 = hashlib.sha256(file.bytes).digest()
    by_hand = file.origin is None
    try:
        if file.origin is not None and stored_sha256.hex() != file.origin.sha256:
            raise Poison("sha256_mismatch", f"the metadata says {file.origin.sha256}")
        if found is None:
            found = decode(file.bytes, file.kind, policy.rules, by_hand=by_hand, fast=file.fast)
        found.stored_sha256 = stored_sha256
        _hold(found, file.origin, policy)
    except Poison as poison:
        return poison
    return found


def _hold(decoded: Decoded, origin: Origin | None, policy: Policy) -> None:
    if origin is not None and decoded.lines != origin.count:
        raise Poison("count_mismatch", f"{decoded.lines} lines, the metadata says {origin.count}")
    limit = policy.max_reject_pct_foreign if origin is None else policy.max_reject_pct
    if decoded.reject_pct > limit:
        raise Poison("too_many_rejects", f"{decoded.reject_pct:.1f} %: {decoded.reasons}")
    if policy.quarantine_drift and decoded.drifted:
        raise Poison("unknown_fields", "fields that the contract does not know")


def expected_size(origin: Origin | None, kind: ObjectKind, stored: int) -> int:
    """Bytes that the stored and the plain file may take together."""
    if origin is not None:
        return stored + origin.raw_bytes
    factor = 2 if kind.packing == "none" and kind.form == "json" else _EXPANSION
    return stored * factor
