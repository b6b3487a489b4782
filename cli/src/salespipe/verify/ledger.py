"""The bucket against the ledger, the ledger against itself and against the rows of raw. Pure."""

from collections import defaultdict
from collections.abc import Iterable, Iterator
from itertools import pairwise

from salespipe.verify.difference import Difference
from salespipe.verify.evidence import Evidence, LedgerFile, StoredObject, Warehouse


def ledger(chain: list[StoredObject], evidence: Evidence) -> Iterator[Difference]:
    """Each object is loaded with its range and its count; each loaded file's object is there."""
    hop = "bucket → ledger"
    files = evidence.warehouse.files
    loaded = {(f.key, f.etag): f for f in files if f.state == "loaded"}
    verdicts = {(f.key, f.etag): f for f in files}
    heads: dict[int, int] = defaultdict(int)
    for file in loaded.values():
        if file.part is not None:
            heads[file.part] = max(heads[file.part], file.end or 0)
    for stored in chain:
        metadata = stored.metadata
        assert metadata is not None
        where = (metadata.partition, metadata.start, metadata.end)
        known = loaded.get((stored.key, stored.etag))
        if known is None:
            verdict = verdicts.get((stored.key, stored.etag))
            if verdict is not None:
                text = f"file {verdict.file_id} is {verdict.state}: {verdict.reason or 'no reason'}"
                yield Difference(hop, text, *where, verdict.file_id, stored.key)
            elif metadata.start < heads[metadata.partition]:
                text = "never loaded, though the ledger has later offsets"
                yield Difference(hop, text, *where, key=stored.key)
            continue
        if (known.start, known.end) != (metadata.start, metadata.end):
            text = f"the ledger has offsets {known.start}–{(known.end or 0) - 1}"
            yield Difference(hop, text, *where, known.file_id, stored.key)
        if known.rows_loaded + known.rows_rejected != metadata.count:
            rows = f"{known.rows_loaded} loaded + {known.rows_rejected} rejected"
            text = f"{rows} of {metadata.count} lines"
            yield Difference(hop, text, *where, known.file_id, stored.key)
    yield from _gone(evidence, loaded.values())


def _gone(evidence: Evidence, loaded: Iterable[LedgerFile]) -> Iterator[Difference]:
    hop = "bucket → ledger"
    etags = {stored.key: stored.etag for stored in evidence.objects}
    for file in loaded:
        if file.key in etags and etags[file.key] == file.etag:
            continue
        what = "was overwritten in" if file.key in etags else "is gone from"
        text = f"the object of a loaded file {what} the bucket"
        yield Difference(hop, text, file.part, file.start, file.end, file.file_id, file.key)


def ranges(files: Iterable[LedgerFile]) -> Iterator[Difference]:
    """The ledger against itself: a loaded sink file has its range, ranges leave no gap."""
    hop = "ledger"
    parts: dict[int, list[LedgerFile]] = defaultdict(list)
    for file in files:
        if file.state != "loaded" or not file.has_range or file.part is None:
            continue
        if (file.start, file.end) != (file.range_start, file.range_end):
            span = f"{file.range_start}–{file.range_end}"
            text = f"load_range has {span}, load_file {file.start}–{file.end}"
            yield Difference(hop, text, file.part, file.start, file.end, file.file_id, file.key)
        parts[file.part].append(file)
    for part, ranged in sorted(parts.items()):
        ranged.sort(key=lambda f: f.start or 0)
        if ranged[0].start:
            text = f"offsets 0–{ranged[0].start - 1} are in no loaded file"
            yield Difference(hop, text, part, 0, ranged[0].start)
        for before, after in pairwise(ranged):
            if before.end != after.start:
                text = f"file {after.file_id} does not begin where file {before.file_id} ends"
                yield Difference(hop, text, part, before.end, after.start)


def counts(warehouse: Warehouse) -> Iterator[Difference]:
    """Rows of raw and rejects, a file at a time, against what the ledger says it loaded."""
    loaded = {file.file_id: file for file in warehouse.files if file.state == "loaded"}
    for file in loaded.values():
        for table, rows, found in (
            ("raw", file.rows_loaded, warehouse.raw_rows.get(file.file_id, 0)),
            ("rejects", file.rows_rejected, warehouse.reject_rows.get(file.file_id, 0)),
        ):
            if rows != found:
                text = f"the ledger says {rows} rows, {table} has {found}"
                where = (file.part, file.start, file.end, file.file_id, file.key)
                yield Difference(f"ledger → {table}", text, *where)
    for file_id, rows in warehouse.raw_rows.items():
        if file_id not in loaded:
            text = f"raw has {rows} rows of a file that is not loaded"
            yield Difference("ledger → raw", text, file_id=file_id)


def late(evidence: Evidence) -> Iterator[Difference]:
    """What was acknowledged before verify began and has not arrived after the wait."""
    if evidence.covered is not False:
        return
    waited = f"after {evidence.waited_seconds:.0f} s"
    by_part: dict[int, list[LedgerFile]] = defaultdict(list)
    for file in evidence.warehouse.files:
        if file.state == "loaded" and file.part is not None and file.range_end is not None:
            by_part[file.part].append(file)
    for part, end in sorted(evidence.asked.items()):
        head = max((file.range_end or 0 for file in by_part[part]), default=0)
        if head < end:
            text = f"{end - head} acknowledged events are not loaded {waited}"
            yield Difference("kafka → ledger", text, part, head, end)
    waiting = [
        f.file_id
        for f in evidence.warehouse.files
        if f.state == "loaded" and f.transform_state in (None, "claimed")
    ]
    if waiting:
        text = f"{len(waiting)} loaded files are not in the marts {waited}"
        yield Difference("raw → fact", text, file_id=waiting[0])
