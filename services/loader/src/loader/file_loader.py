"""One object from hint to verdict.

1. open it (one version, whatever happens to the key meanwhile); gone: missing
2. a verdict stands: nothing to do
3. note the attempt; too many that nobody survived: quarantine
4. read, check against its metadata, decode all of it
5. one transaction: verdict, offsets, rows, rejects
Whatever is raised before the COMMIT leaves nothing behind; after it, 2 ends the next try.
"""

import asyncio
import logging
import time
from collections.abc import Callable, Sequence
from concurrent.futures import Executor
from dataclasses import replace
from datetime import UTC, datetime

from loader import metrics
from loader.budget import ByteBudget
from loader.decoded import Decoded
from loader.found import Found, Standing
from loader.ledger import Ledger, Refused
from loader.load_transaction import AlreadyDecided, Overlap
from loader.object_kind import ObjectKind, kind_of
from loader.origin import origin_of
from loader.store import Opened, Store
from loader.together import Together
from loader.verdict import Subject, Verdict
from loader.whole_file import (
    SIDE_BY_SIDE,
    Policy,
    Stored,
    decode_all,
    expected_size,
    plain_size,
)
from pipeline.errors import NotFound, Poison, Transient

log = logging.getLogger(__name__)
_SUSPECT_AFTER = 2  # silent deaths after which a file is worked on alone
_GONE_TRIES = 3
_GONE_WAIT = 0.2


class FileLoader:
    def __init__(
        self, store: Store, ledger: Ledger, policy: Policy, budget: ByteBudget,
        *, decoders: int = 2, threads: Executor | None = None,
        decided: Callable[[], None] = lambda: None,
    ) -> None:  # fmt: skip
        """threads: for decoding, best as many as decoders, since each keeps an engine; by default
        the loop's own."""
        self._store = store
        self._ledger = ledger
        self._policy = policy
        self._budget = budget
        self._threads = threads
        self._decoding: Together[Stored, Decoded] = Together(
            self._decode_all, turns=decoders, limit=SIDE_BY_SIDE, size=plain_size
        )
        self._decided = decided  # called after each new verdict
        self._survived: dict[tuple[str, str, str, str], str] = {}

    async def load(self, found: Found) -> str:
        """The state that now stands for the object, or "ignored". Raises Transient."""
        kind = kind_of(found.key)
        if kind is None:
            return "ignored"
        for attempt in range(_GONE_TRIES):
            try:
                async with self._store.open(found.key) as opened:
                    return await self._opened(found, kind, opened)
            except NotFound:
                await asyncio.sleep(_GONE_WAIT * (attempt + 1))
        return await self._missing(found, kind)

    async def _missing(self, found: Found, kind: ObjectKind) -> str:
        """Deleted: of no interest once the ledger knows the key, else somebody should look."""
        known = await self._ledger.under_key(self._store.bucket, found.key)
        if known:
            return known[0].state
        subject = Subject(
            found, self._store.bucket, "", "", None, None, kind.form, datetime.now(UTC)
        )
        metrics.MISSING.inc()
        await self._decide(subject, Verdict("missing", "object_gone"), None)
        return "missing"

    async def _opened(self, found: Found, kind: ObjectKind, opened: Opened) -> str:
        subject = Subject(
            found, self._store.bucket, opened.etag, opened.version_id, opened.size,
            opened.modified, kind.form, datetime.now(UTC),
        )  # fmt: skip
        known = await self._ledger.under_key(subject.bucket, subject.key)
        for verdict in known:
            if verdict.is_about(subject.version_id, subject.etag):
                metrics.SKIPPED.inc()
                return verdict.state
        # a failure that this process survived is no death; said late, as the server may be away
        if subject.identity in self._survived:
            await self._ledger.end_attempt(subject, self._survived[subject.identity])
            del self._survived[subject.identity]
        deaths = await self._ledger.begin_attempt(subject)
        try:
            return await self._judge(subject, kind, opened, known, deaths)
        except Transient as error:
            self._survived[subject.identity] = error.reason
            raise

    async def _judge(
        self, subject: Subject, kind: ObjectKind, opened: Opened, known: list[Standing], deaths: int
    ) -> str:
        try:
            if deaths >= self._policy.max_attempts:
                raise Poison("repeated_deaths", f"{deaths} attempts ended without a word")
            subject = replace(subject, origin=origin_of(opened.key, opened.metadata))
            _refuse_overwritten(known)
            size = expected_size(subject.origin, kind, opened.size)
            if opened.size > self._policy.rules.max_file_bytes:
                raise Poison("too_large", f"{opened.size} bytes")
            # a file that killed the process before has all the memory, and nobody beside it
            wanted = self._budget.capacity if deaths >= _SUSPECT_AFTER else size
            async with self._budget.reserve(wanted):
                return await self._load(subject, kind, await opened.read())
        except Poison as poison:
            return await self._quarantine(subject, poison)

    async def _load(self, subject: Subject, kind: ObjectKind, stored: bytes) -> str:
        origin = subject.origin
        decoded = await self._decoding(Stored(stored, kind, origin))
        released = origin is None and await self._ledger.released_duplicate(subject)
        if origin is None and not released:
            twin = await self._ledger.same_content(decoded)
            if twin is not None:
                return await self._skip(subject, decoded, twin)
        try:
            return await self._commit(subject, decoded, keep_content=not released)
        except Refused as error:
            log.warning("%s: %s; reading it line by line", subject.key, error)
        decoded = await self._decoding(Stored(stored, kind, origin, fast=False))
        try:
            return await self._commit(subject, decoded, keep_content=not released)
        except Refused as error:
            raise Poison("refused_by_server", str(error)) from error

    async def _decode_all(self, files: Sequence[Stored]) -> list[Decoded | Exception]:
        """In a thread, small files side by side."""
        with metrics.DECODE_SECONDS.time():
            loop = asyncio.get_running_loop()
            return list(await loop.run_in_executor(self._threads, decode_all, files, self._policy))

    async def _commit(self, subject: Subject, decoded: Decoded, *, keep_content: bool) -> str:
        started = time.monotonic()
        try:
            file_id = await self._ledger.load(subject, decoded, keep_content=keep_content)
        except AlreadyDecided:
            standing = await self._ledger.standing(subject)
            if standing is not None:
                metrics.SKIPPED.inc()
                return standing.state
            twin = await self._ledger.same_content(decoded)
            if twin is None:
                raise Transient(
                    f"{subject.key}: a verdict stood and was reopened meanwhile", reason="reopened"
                ) from None
            return await self._skip(subject, decoded, twin)
        except Overlap as overlap:
            return await self._overlapping(subject, decoded, overlap)
        metrics.COPY_SECONDS.observe(time.monotonic() - started)
        _count(subject, decoded)
        log.info(
            "loaded", extra={
                "file_id": file_id, "key": subject.key, "rows": decoded.rows,
                "rejects": len(decoded.rejects), "salvaged": decoded.salvaged,
            },
        )  # fmt: skip
        self._decided()
        return "loaded"

    async def _overlapping(self, subject: Subject, decoded: Decoded, overlap: Overlap) -> str:
        origin = subject.origin
        assert origin is not None
        metrics.OVERLAPS.inc()
        for other in overlap.others:
            same_span = (other["start_offset"], other["end_offset"]) == (origin.start, origin.end)
            if same_span and other["content_sha256"] == decoded.content_sha256:
                twin = Standing(other["file_id"], "loaded", key=other["key"])
                return await self._skip(subject, decoded, twin)
        others = ", ".join(
            f"{o['file_id']} ({o['key']}, {o['start_offset']}-{o['end_offset']})"
            for o in overlap.others
        )
        raise Poison(
            "overlap",
            f"offsets {origin.start}-{origin.end} of {origin.topic}/{origin.partition} overlap"
            f" file {others}: two writers, a copied file or a re-created topic",
        )

    async def _skip(self, subject: Subject, decoded: Decoded, twin: Standing) -> str:
        metrics.SKIPPED.inc()
        reason = f"same content as file {twin.file_id} ({twin.key})"
        await self._decide(subject, Verdict("skipped_duplicate", reason), decoded)
        return "skipped_duplicate"

    async def _quarantine(self, subject: Subject, poison: Poison) -> str:
        if poison.reason == "overwritten" and not self._policy.alert_on_overwrite:
            await self._decide(subject, Verdict("skipped_duplicate", "overwritten"), None)
            return "skipped_duplicate"
        metrics.QUARANTINED.labels(poison.reason).inc()
        log.error("quarantined: %s", poison, extra={"key": subject.key, "reason": poison.reason})
        verdict = Verdict("quarantined", poison.reason, {"detail": poison.detail[:2000]})
        await self._decide(subject, verdict, None)
        return "quarantined"

    async def _decide(self, subject: Subject, verdict: Verdict, decoded: Decoded | None) -> None:
        await self._ledger.decide(subject, verdict, decoded)
        metrics.FILES.labels(verdict.state).inc()
        self._decided()


def _refuse_overwritten(known: list[Standing]) -> None:
    """A loaded key with new content: replacing rows is an operator's act."""
    for other in known:
        if other.state == "loaded":
            metrics.OVERWRITES.inc()
            raise Poison(
                "overwritten", f"file {other.file_id} loaded this key with etag {other.etag}"
            )


def _count(subject: Subject, decoded: Decoded) -> None:
    metrics.FILES.labels("loaded").inc()
    metrics.ROWS.inc(decoded.rows)
    metrics.BYTES.inc(decoded.size)
    metrics.SALVAGED.inc(decoded.salvaged)
    for reason, count in decoded.reasons.items():
        metrics.REJECTS.labels(reason).inc(count)
    now = datetime.now(UTC)
    if subject.modified is not None:
        metrics.OBJECT_TO_COMMIT.observe(max(0, (now - subject.modified).total_seconds()))
    if subject.found.event_at is not None:
        metrics.EVENT_TO_COMMIT.observe(max(0, (now - subject.found.event_at).total_seconds()))
