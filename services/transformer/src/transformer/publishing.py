"""How a slice becomes part of what readers see: the statements of one publication (plan.py)."""

from typing import Any

from psycopg2 import sql

from transformer.plan import SLICES, Publication


def publish(cursor: Any, publication: Publication, *, withdrawing: bool) -> tuple[int, int]:
    """In the cursor's transaction; rows removed and rows inserted, or updated in place."""
    table = sql.Identifier(publication.schema, publication.table)
    coming = sql.Identifier(SLICES, publication.slice)
    columns = sql.SQL(", ").join(map(sql.Identifier, publication.columns))
    removed = 0
    if publication.whole_on_withdrawal and withdrawing:
        cursor.execute(sql.SQL("delete from {}").format(table))
        removed = cursor.rowcount
    elif publication.removed_by != publication.slice or not publication.in_place:
        cursor.execute(_delete(publication))
        removed = cursor.rowcount
    cursor.execute(
        sql.SQL("insert into {} ({}) select {} from {}{}").format(
            table, columns, columns, coming, _or_update(publication)
        )
    )
    return removed, cursor.rowcount


def _delete(publication: Publication) -> sql.Composable:
    """Rows whose key is in `by`; where rows are updated in place those that do not come again.

    Which those are is asked of the slices alone, where it can be: mostly none, and the planner,
    who takes the columns of a key for independent, cannot do worse than look for none.
    """
    key = sql.SQL(", ").join(map(sql.Identifier, publication.key))
    gone = sql.SQL("select {} from {}").format(key, sql.Identifier(SLICES, publication.removed_by))
    coming = sql.SQL("select {} from {}").format(key, sql.Identifier(SLICES, publication.slice))
    statement = sql.SQL("delete from {} published using ({}) gone where {}")
    table = sql.Identifier(publication.schema, publication.table)
    if publication.in_place == publication.key:
        gone = sql.SQL("{} except {}").format(gone, coming)
    elif publication.in_place:
        again = sql.SQL(" and not exists (select from {} coming where {})").format(
            sql.Identifier(SLICES, publication.slice), _same(publication.in_place, "coming")
        )
        return statement.format(table, gone, _same(publication.key, "gone")) + again
    return statement.format(table, gone, _same(publication.key, "gone"))


def _same(columns: tuple[str, ...], other: str) -> sql.Composable:
    """The published row and another agree on the columns."""
    return sql.SQL(" and ").join(
        sql.SQL("published.{0} = {1}.{0}").format(sql.Identifier(column), sql.Identifier(other))
        for column in columns
    )


def _or_update(publication: Publication) -> sql.Composable:
    if not publication.in_place:
        return sql.SQL("")
    key = sql.SQL(", ").join(map(sql.Identifier, publication.in_place))
    figures = sql.SQL(", ").join(
        sql.SQL("{0} = excluded.{0}").format(sql.Identifier(column))
        for column in publication.columns
        if column not in publication.in_place
    )
    return sql.SQL(" on conflict ({}) do update set {}").format(key, figures)
