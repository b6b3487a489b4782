"""A whole file to rows and rejects, before anything is written anywhere. Pure; runs in a thread."""

from loader.blocks import blocks, text_of
from loader.csv_file import decode_csv
from loader.decoded import Decoded, Rules
from loader.doubtful import Doubtful
from loader.inflate import Inflated
from loader.object_kind import ObjectKind
from loader.parquet_file import decode_parquet
from loader.uniform import UniformLines

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
    uniform = UniformLines(rules, decoded.add, plain.expected)
    doubtful = Doubtful(rules, decoded, skip_blank=by_hand, fast=fast)
    line_no = 1
    for block in blocks(iter(plain)):
        if by_hand and line_no == 1 and block[: len(_BOM)].tobytes() == _BOM:
            block = block[len(_BOM) :]
        lines = uniform.take(block, line_no) if fast else 0
        if lines:
            doubtful.decode()
        else:
            uniform.flush()
            lines = doubtful.take(text_of(block), line_no)
        line_no += lines
    uniform.flush()
    doubtful.decode()
