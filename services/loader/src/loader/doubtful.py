"""Lines that are not all of one form: by a parser, and what it refuses one by one."""

from collections.abc import Iterator

from loader import engine
from loader.decoded import Decoded, Rules
from loader.inflate import lines
from loader.json_chunk import decode_chunk
from loader.salvage import salvage

_CHUNK = 6 << 20  # what a chunk costs the engine whatever it holds is as much as some 2,000 rows
_DEPTH, _PARTS, _SMALL = 2, 8, 64 << 10


class Doubtful:
    """Collects text of whole lines, and adds rows and rejects to `into`, in their order."""

    def __init__(self, rules: Rules, into: Decoded, *, skip_blank: bool, fast: bool) -> None:
        """skip_blank: as salvage says. fast False goes line by line."""
        self._rules = rules
        self._into = into
        self._skip_blank = skip_blank
        self._depth = 0 if fast else _DEPTH + 1
        self._held: list[bytes] = []
        self._size = 0
        self._first_line = 0

    def take(self, text: bytes, line_no: int) -> int:
        """How many lines it has, the last of which may have no end."""
        if not self._held:
            self._first_line = line_no
        self._held.append(text)
        self._size += len(text)
        if self._size >= _CHUNK:
            self.decode()
        return text.count(b"\n") + (not text.endswith(b"\n"))

    def decode(self) -> None:
        """Add what is held."""
        if self._held:
            self._decode(b"".join(self._held), self._first_line, self._depth)
            self._held, self._size = [], 0

    def _decode(self, chunk: bytes, line_no: int, depth: int) -> int:
        """Add the chunk's lines; how many. What spoils a chunk is looked for in ever smaller parts,
        so that one bad line does not send thousands of good ones the slow way."""
        if depth <= _DEPTH:
            # all of it was just found to be of no one form; a part may be
            by = decode_chunk if depth else engine.decode_chunk
            batch = by(chunk, line_no, self._rules)
            if batch is not None:
                self._into.add(batch)
                return int(batch.num_rows)
        if depth >= _DEPTH or len(chunk) < _SMALL:
            return salvage(chunk, line_no, self._rules, self._into, skip_blank=self._skip_blank)
        count = 0
        for part in lines(_cut(chunk), len(chunk) // _PARTS + 1):
            count += self._decode(part, line_no + count, depth + 1)
        return count


def _cut(chunk: bytes) -> Iterator[bytes]:
    size = len(chunk) // _PARTS + 1
    return (chunk[start : start + size] for start in range(0, len(chunk), size))
