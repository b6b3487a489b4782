"""JSON lines one at a time: slow, exact, and able to say what is wrong with each."""

from loader.decoded import Decoded, Reject, Rules
from loader.json_line import parse
from loader.sale import Rejected, Row

_ROWS = 20_000


def salvage(chunk: bytes, first_line: int, rules: Rules, into: Decoded, *, skip_blank: bool) -> int:
    """Add every line of the chunk (split on LF only) as row or reject; returns the lines seen.

    skip_blank leaves out empty lines, which people leave in files and the sink never writes; they
    still count as lines for the numbering.
    """
    lines = chunk.split(b"\n")
    if not lines[-1]:
        lines.pop()
    rows: list[Row] = []
    for line_no, line in enumerate(lines, first_line):
        if skip_blank and not line.strip():
            continue
        into.salvaged += 1
        try:
            rows.append(parse(line_no, line, rules.default_currency, rules.max_line_bytes))
        except Rejected as error:
            into.rejects.append(Reject.of(line_no, line, error))
        if len(rows) >= _ROWS:
            into.add_rows(rows)
            rows = []
    if rows:
        into.add_rows(rows)
    return len(lines)
