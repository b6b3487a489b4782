"""A whole file to rows and rejects, before anything is written anywhere. Pure; runs in a thread."""

from loader import engine
from loader.decoded import Decoded, Rules
from loader.inflate import Inflated, lines
from loader.object_kind import ObjectKind
from loader.salvage import salvage
from loader.tabular import decode_csv, decode_parquet

CHUNK = 24 << 20
_BOM = b"\xef\xbb\xbf"


def decode(
    stored: bytes, kind: ObjectKind, rules: Rules, *, by_hand: bool, fast: bool = True
) -> Decoded:
    """Raises Poison when the file as a whole cannot be read.

    by_hand: not written by the sink, so blank lines and a byte order mark at the start are
    people's habits, no events. fast False leaves the engine out.
    """
    decoded = Decoded()
    plain = Inflated(stored, kind.packing, rules.max_file_bytes)
    if kind.form == "json":
        _json(plain, rules, decoded, by_hand=by_hand, fast=fast)
    else:
        whole = b"".join(plain)
        (decode_csv if kind.form == "csv" else decode_parquet)(whole, rules, decoded)
    decoded.content_sha256 = plain.sha256
    decoded.size = plain.size
    return decoded


def _json(plain: Inflated, rules: Rules, decoded: Decoded, *, by_hand: bool, fast: bool) -> None:
    line_no = 1
    for chunk in lines(iter(plain), CHUNK):
        if by_hand and line_no == 1:
            chunk = chunk.removeprefix(_BOM)
        batch = engine.decode_chunk(chunk, line_no, rules) if fast else None
        if batch is None:
            line_no += salvage(chunk, line_no, rules, decoded, skip_blank=by_hand)
        else:
            decoded.add(batch)
            line_no += batch.num_rows
