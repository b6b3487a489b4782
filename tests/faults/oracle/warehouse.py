"""The ledger, raw, the fact and the marts of one snapshot, as the superuser sees them."""

from typing import Any

import asyncpg
import numpy as np

from faults.oracle.events import CURRENCY, Idents, Numbers
from faults.oracle.evidence import Cell, Evidence, LedgerFile

_NEW_FILES = """
select f.file_id, f.key, f.etag, f.state, f.part, f.start_offset, f.end_offset, f.rows_loaded,
  f.rows_rejected, encode(f.content_sha256, 'hex') as sha256, r.lows, r.highs,
  (select s.stream_id::bigint << 48 from ops.load_stream s
   where s.topic = f.topic and s.part = f.part and s.topic_epoch = f.topic_epoch) as base
from ops.load_file f
left join lateral (
  select array_agg(lower(span)) as lows, array_agg(upper(span)) as highs
  from ops.load_range where file_id = f.file_id and active
) r on true
where not f.file_id = any($1::bigint[]) and f.topic = $2
order by f.file_id
"""
_ROWS = "select file_id, line_no, event_id from raw.sales_events where file_id >= $1"
_REJECTS = "select file_id, line_no from ops.load_reject where file_id >= $1"
_FACT = "select event_id from marts.fct_sales where event_id = any($1::uuid[])"
_WHOLE_FACT = "select event_id from marts.fct_sales"
_MANY = 100_000
_MARTS = {
    "mart_hourly_sales": """
select floor(extract(epoch from sales_hour) / 3600)::bigint as a, null as b, null as c,
  event_count, units, revenue from marts.mart_hourly_sales where currency = $1""",
    "mart_sales_by_region": """
select floor(extract(epoch from sales_hour) / 3600)::bigint as a, region as b, null as c,
  event_count, units, revenue from marts.mart_sales_by_region where currency = $1""",
    "mart_product_performance": """
select (sales_date - date '1970-01-01')::bigint as a, product_id as b, region as c,
  event_count, units, revenue from marts.mart_product_performance where currency = $1""",
}
_OTHERS = "select coalesce(sum(event_count), 0) from marts.{} where currency <> $1"
Rows = dict[int, tuple[Numbers, Idents]]


class Warehouse:
    """Rows of a file are read once; the fact's idents are remembered where they were found."""

    def __init__(self, dsn: str, topic: str) -> None:
        self._dsn = dsn
        self._topic = topic
        self._files: dict[int, LedgerFile] = {}
        self._rows: Rows = {}
        self._rejects: dict[int, Numbers] = {}
        self._fact: Idents = np.empty(0, np.uint64)
        self.counted: set[int] = set()  # idents that were seen in the fact
        self._uuids: dict[int, bytes] = {}  # by ident, of those that were not

    async def look(self, seen: Evidence, *, everything: bool = False) -> None:
        """Fill in what the warehouse holds; marts and counts only with everything."""
        connection = await asyncpg.connect(self._dsn, timeout=10, command_timeout=120)
        try:
            await connection.set_type_codec(
                "uuid", schema="pg_catalog", format="binary", encoder=bytes, decoder=bytes
            )
            async with connection.transaction(isolation="repeatable_read", readonly=True):
                await self._ledger(connection)
                await self._marts(connection, seen, everything)
                if everything:
                    seen.raw_rows = await connection.fetchval(
                        "select count(*) from raw.sales_events"
                    )
        finally:
            await connection.close()
        seen.files = list(self._files.values())
        seen.rows, seen.rejects = dict(self._rows), dict(self._rejects)

    async def _ledger(self, connection: Any) -> None:
        new = await connection.fetch(_NEW_FILES, list(self._files), self._topic)
        if not new:
            return
        first = new[0]["file_id"]
        self._files |= {row["file_id"]: _file(row) for row in new}
        wanted = {row["file_id"] for row in new}
        rows: dict[int, list[tuple[int, int]]] = {}
        for file_id, line, event_id in await connection.fetch(_ROWS, first):
            if file_id in wanted:
                ident = int.from_bytes(event_id[8:])
                rows.setdefault(file_id, []).append((line, ident))
                if ident not in self.counted:
                    self._uuids[ident] = event_id
        for file_id, held in rows.items():
            lines, idents = zip(*sorted(held), strict=True)
            self._rows[file_id] = (np.array(lines, np.int64), np.array(idents, np.uint64))
        rejects: dict[int, list[int]] = {}
        for file_id, line in await connection.fetch(_REJECTS, first):
            rejects.setdefault(file_id, []).append(line)
        self._rejects |= {
            file_id: np.array(lines, np.int64)
            for file_id, lines in rejects.items()
            if file_id in wanted
        }

    async def _marts(self, connection: Any, seen: Evidence, everything: bool) -> None:
        if await connection.fetchval("select to_regclass('marts.fct_sales')") is None:
            return
        # who asks for most of them reads all of them
        if len(self._uuids) > _MANY:
            rows = await connection.fetch(_WHOLE_FACT)
        else:
            rows = await connection.fetch(_FACT, list(self._uuids.values()))
        found = (int.from_bytes(row["event_id"][8:]) for row in rows)
        idents = [ident for ident in found if ident in self._uuids]
        self._fact = np.concatenate([self._fact, np.array(idents, np.uint64)])
        self.counted.update(idents)
        for ident in idents:
            self._uuids.pop(ident, None)
        seen.fact = self._fact
        if not everything:
            return
        if await connection.fetchval("select count(*) from marts.fct_sales") != len(self._fact):
            # something doubled, vanished, or came from nowhere: look at every row
            rows = await connection.fetch(_WHOLE_FACT)
            held = [int.from_bytes(row["event_id"][8:]) for row in rows]
            seen.fact = np.array(held, np.uint64)
        for mart, query in _MARTS.items():
            seen.marts += [_cell(mart, row) for row in await connection.fetch(query, CURRENCY)]
            seen.others[mart] = int(await connection.fetchval(_OTHERS.format(mart), CURRENCY))


def _file(row: Any) -> LedgerFile:
    base = row["base"] or 0
    spans = zip(row["lows"] or (), row["highs"] or (), strict=True)
    return LedgerFile(
        file_id=row["file_id"],
        key=row["key"],
        etag=row["etag"],
        state=row["state"],
        part=row["part"] if row["part"] is not None else -1,
        start=row["start_offset"] or 0,
        end=row["end_offset"] or 0,
        rows_loaded=row["rows_loaded"],
        rows_rejected=row["rows_rejected"],
        sha256=row["sha256"] or "",
        spans=tuple((low - base, high - base) for low, high in spans),
    )


def _cell(mart: str, row: Any) -> Cell:
    place = tuple(row[name] for name in ("a", "b", "c") if row[name] is not None)
    return Cell(
        mart, place, int(row["event_count"]), int(row["units"] * 1000), int(row["revenue"] * 100)
    )
