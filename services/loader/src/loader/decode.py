"""A whole file to rows and rejects, before anything is written anywhere. Pure; runs in a thread."""

from collections.abc import Iterator

from loader.csv_file import decode_csv
from loader.decoded import Decoded, Rules
from loader.inflate import Inflated, lines
from loader.json_chunk import decode_chunk
from loader.object_kind import ObjectKind
from loader.parquet_file import decode_parquet
from loader.salvage import salvage

CHUNK = 6 << 20  # of more the processor's caches hold too little
_DEPTH, _PARTS, _SMALL = 2, 8, 64 << 10
_BOM = b"\xef\xbb\xbf"


def decode(
    stored: bytes, kind: ObjectKind, rules: Rules, *, by_hand: bool, fast: bool = True
) -> Decoded:
    """Raises Poison when the file as a whole cannot be read.

    by_hand: not written by the sink, so blank lines and a byte order mark at the start are
    people's habits, no events, and what is unpacked gets its hash. fast False goes line by line.
    """
    decoded = Decoded()
    hashed = by_hand and kind.packing != "none"
    plain = Inflated(stored, kind.packing, rules.max_file_bytes, hashed=hashed)
    if kind.form == "json":
        _json(plain, rules, decoded, by_hand=by_hand, fast=fast)
    else:
        whole = b"".join(plain)
        (decode_csv if kind.form == "csv" else decode_parquet)(whole, rules, decoded)
    decoded.plain_sha256 = plain.sha256
    decoded.size = plain.size
    return decoded


def _json(plain: Inflated, rules: Rules, decoded: Decoded, *, by_hand: bool, fast: bool) -> None:
    line_no = 1
    for chunk in lines(iter(plain), CHUNK):
        if by_hand and line_no == 1:
            chunk = chunk.removeprefix(_BOM)
        depth = 0 if fast else _DEPTH + 1
        line_no += _chunk(chunk, line_no, rules, decoded, by_hand=by_hand, depth=depth)


def _chunk(
    chunk: bytes, line_no: int, rules: Rules, decoded: Decoded, *, by_hand: bool, depth: int
) -> int:
    """Add the chunk's lines; how many. What spoils a chunk is looked for in ever smaller parts,
    so that one bad line does not send thousands of good ones the slow way."""
    if depth <= _DEPTH:
        batch = decode_chunk(chunk, line_no, rules)
        if batch is not None:
            decoded.add(batch)
            return int(batch.num_rows)
    if depth >= _DEPTH or len(chunk) < _SMALL:
        return salvage(chunk, line_no, rules, decoded, skip_blank=by_hand)
    count = 0
    for part in lines(_cut(chunk), len(chunk) // _PARTS + 1):
        count += _chunk(part, line_no + count, rules, decoded, by_hand=by_hand, depth=depth + 1)
    return count


def _cut(chunk: bytes) -> Iterator[bytes]:
    size = len(chunk) // _PARTS + 1
    return (chunk[start : start + size] for start in range(0, len(chunk), size))
