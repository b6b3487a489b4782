"""I4 and I5: each object is loaded once, and chains have neither gap nor overlap."""

from collections import Counter, defaultdict
from collections.abc import Iterator

from faults.oracle.evidence import Evidence, LedgerFile, StoredObject
from faults.oracle.finding import Finding


def judge(seen: Evidence) -> Iterator[Finding]:
    loaded = [file for file in seen.files if file.state == "loaded"]
    yield from _once(loaded)
    yield from _same_as_objects(seen.objects, loaded)
    heads = dict.fromkeys(seen.until, 0)
    for part, spans in _spans((o.part, o.start, o.end) for o in seen.objects).items():
        yield from _gapless("object", part, spans)
        heads[part] = spans[-1][1]
    ranges = ((file.part, *span) for file in loaded for span in file.spans)
    for part, spans in _spans(ranges).items():
        yield from _gapless("ledger", part, _until_gap_in_flight(spans, seen.until.get(part, 0)))
    for part, offset in seen.committed.items():
        if offset > heads.get(part, 0):
            text = f"committed {offset}, the chain ends at {heads.get(part, 0)}"
            yield Finding("I5", "object", text, part=part, offset=offset)


def _once(loaded: list[LedgerFile]) -> Iterator[Finding]:
    for (key, etag), times in Counter((file.key, file.etag) for file in loaded).items():
        if times > 1:
            yield Finding("I4", "ledger", f"{key} ({etag}) is loaded {times} times")


def _same_as_objects(objects: list[StoredObject], loaded: list[LedgerFile]) -> Iterator[Finding]:
    by_key = {item.key: item for item in objects}
    for item in objects:
        if item.sha256_said != item.sha256:
            yield Finding("I4", "object", f"{item.key}: its bytes are not those it was made of")
        if not item.count == item.end - item.start == len(item.idents):
            text = f"{item.key}: {len(item.idents)} lines for [{item.start}, {item.end})"
            yield Finding("I4", "object", text)
    for file in loaded:
        stored = by_key.get(file.key)
        if stored is None:
            yield Finding("I4", "ledger", f"{file.key} is loaded and not in the bucket")
            continue
        settled = file.rows_loaded + file.rows_rejected
        said = (file.part, file.start, file.end, settled, file.sha256)
        if said != (stored.part, stored.start, stored.end, stored.count, stored.sha256):
            yield Finding("I4", "ledger", f"{file.key} is not as the ledger has it: {said}")
        if file.spans != ((file.start, file.end),):
            yield Finding("I5", "ledger", f"{file.key} claims {file.spans}")


def _spans(found: Iterator[tuple[int, int, int]]) -> dict[int, list[tuple[int, int]]]:
    """Sorted, by partition."""
    spans: dict[int, list[tuple[int, int]]] = defaultdict(list)
    for part, start, end in found:
        spans[part].append((start, end))
    return {part: sorted(held) for part, held in spans.items()}


def _until_gap_in_flight(spans: list[tuple[int, int]], until: int) -> list[tuple[int, int]]:
    """Files land in any order: beyond what must have arrived a hole is no breach."""
    return [span for span in spans if span[0] < until]


def _gapless(hop: str, part: int, spans: list[tuple[int, int]]) -> Iterator[Finding]:
    at = 0
    for start, end in spans:
        if start != at:
            what = "a hole" if start > at else "an overlap"
            yield Finding("I5", hop, f"{what}: [{start}, {end}) after {at}", part=part, offset=at)
        at = max(at, end)
