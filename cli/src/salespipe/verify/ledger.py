"""The bucket against the ledger, the ledger against itself and against the rows of raw. Pure."""

from collections import defaultdict
from collections.abc import Iterable, Iterator

from salespipe.verify.difference import Difference
from salespipe.verify.evidence import Evidence, LedgerFile, StoredObject, Warehouse


def ledger(chain: Iterable[StoredObject], evidence: Evidence) -> Iterator[Difference]:
    """Each object is loaded with its range and its count; each loaded file's object is there."""
    hop = "bucket → ledger"
    files = evidence.warehouse.files
    verdicts = {(f.key, f.etag): f for f in files}
    loaded = {(f.key, f.etag): f for f in files if f.loaded}
    for stored in chain:
        metadata = stored.metadata
        assert metadata is not None
        where = (metadata.partition, metadata.start, metadata.end)
        known = loaded.get((stored.key, stored.etag))
        if known is not None:
            for text in _disagreements(known, stored):
                yield Difference(hop, text, *where, known.file_id, stored.key)
            continue
        verdict = verdicts.get((stored.key, stored.etag))
        if verdict is not None and not verdict.withdrawn:
            text = f"file {verdict.file_id} is {verdict.state}: {verdict.reason or 'no reason'}"
            yield Difference(hop, text, *where, verdict.file_id, stored.key)
        elif verdict is None and _was_due(metadata.partition, metadata.start, evidence):
            yield Difference(hop, "the object was not loaded", *where, key=stored.key)
    yield from _gone(evidence, loaded.values())


def _disagreements(known: LedgerFile, stored: StoredObject) -> Iterator[str]:
    metadata = stored.metadata
    assert metadata is not None
    if (known.start, known.end) != (metadata.start, metadata.end):
        yield f"the ledger has offsets {known.start}–{(known.end or 0) - 1}"
    if known.rows_loaded + known.rows_rejected != metadata.count:
        rows = f"{known.rows_loaded} loaded + {known.rows_rejected} rejected"
        yield f"{rows} of {metadata.count} lines"


def _was_due(part: int, start: int, evidence: Evidence) -> bool:
    """Whether an offset had its time: files load in any order, so a gap alone says nothing."""
    return evidence.covered is False and start < evidence.asked.get(part, 0)


def _gone(evidence: Evidence, loaded: Iterable[LedgerFile]) -> Iterator[Difference]:
    hop = "bucket → ledger"
    etags = {stored.key: stored.etag for stored in evidence.objects}
    for file in loaded:
        if etags.get(file.key) == file.etag:
            continue
        what = "was overwritten in" if file.key in etags else "is gone from"
        text = f"the object of a loaded file {what} the bucket"
        yield Difference(hop, text, file.part, file.start, file.end, file.file_id, file.key)


def ranges(files: Iterable[LedgerFile]) -> Iterator[Difference]:
    """The ledger against itself: a loaded file of the sink holds its range."""
    for file in files:
        given, held = (file.start, file.end), (file.range_start, file.range_end)
        if file.loaded and file.has_range and given != held:
            text = f"load_range has {held[0]}–{held[1]}, load_file {given[0]}–{given[1]}"
            where = (file.part, file.start, file.end, file.file_id, file.key)
            yield Difference("ledger", text, *where)


def counts(warehouse: Warehouse) -> Iterator[Difference]:
    """Rows of raw and rejects, a file at a time, against what the ledger says it loaded."""
    loaded = {file.file_id: file for file in warehouse.files if file.loaded}
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
    covered: dict[int, list[LedgerFile]] = defaultdict(list)
    for file in evidence.warehouse.files:
        if file.part is not None and (file.loaded or file.withdrawn):
            covered[file.part].append(file)
    for part, end in sorted(evidence.asked.items()):
        for gap_start, gap_end in _gaps(covered[part], end):
            text = f"{gap_end - gap_start} acknowledged events are not loaded {waited}"
            yield Difference("kafka → ledger", text, part, gap_start, gap_end)
    waiting = [file.file_id for file in evidence.warehouse.files if file.pending]
    if waiting:
        text = f"{len(waiting)} loaded files are not in the marts {waited}"
        yield Difference("raw → fact", text, file_id=waiting[0])


def _gaps(files: list[LedgerFile], until: int) -> Iterator[tuple[int, int]]:
    """Offsets below until that no file covers."""
    head = 0
    for file in sorted(files, key=lambda f: f.start or 0):
        start, end = min(file.start or 0, until), file.end or 0
        if start > head:
            yield head, start
        head = max(head, end)
    if head < until:
        yield head, until
