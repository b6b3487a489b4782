"""What a file must be as a whole before any of it is loaded."""

import hashlib
from dataclasses import dataclass

from loader.decode import decode
from loader.decoded import Decoded, Rules
from loader.object_kind import ObjectKind
from loader.origin import Origin
from pipeline.errors import Poison

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


def decode_checked(
    stored: bytes, kind: ObjectKind, policy: Policy, origin: Origin | None, *, fast: bool = True
) -> Decoded:
    """Decode, and hold the whole against its metadata and the settings. Raises Poison."""
    if origin is not None and hashlib.sha256(stored).hexdigest() != origin.sha256:
        raise Poison("sha256_mismatch", f"the metadata says {origin.sha256}")
    decoded = decode(stored, kind, policy.rules, by_hand=origin is None, fast=fast)
    if origin is not None and decoded.lines != origin.count:
        raise Poison("count_mismatch", f"{decoded.lines} lines, the metadata says {origin.count}")
    limit = policy.max_reject_pct_foreign if origin is None else policy.max_reject_pct
    if decoded.reject_pct > limit:
        raise Poison("too_many_rejects", f"{decoded.reject_pct:.1f} %: {decoded.reasons}")
    if policy.quarantine_drift and decoded.drifted:
        raise Poison("unknown_fields", "fields that the contract does not know")
    return decoded


def expected_size(origin: Origin | None, kind: ObjectKind, stored: int) -> int:
    """Bytes that the stored and the plain file may take together."""
    if origin is not None:
        return stored + origin.raw_bytes
    factor = 2 if kind.packing == "none" and kind.form == "json" else _EXPANSION
    return stored * factor
