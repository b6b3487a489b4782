"""The queries of sql/NAME.sql, by name.

    -- name: revenue           a query
    -- after: hours, sales     the parts that go before it, in this order
    -- part: hours             a part: becomes `with hours as (…)`

A comment right behind such lines belongs to the file, not to the query.
"""

from dataclasses import dataclass
from importlib.resources import files

_MARKS = ("name", "part", "after")


@dataclass(frozen=True)
class _Statement:
    text: str
    after: tuple[str, ...]


def load(name: str) -> dict[str, str]:
    """Every query of the file, complete."""
    parts: dict[str, _Statement] = {}
    queries: dict[str, _Statement] = {}
    text = files("dashboards").joinpath(f"sql/{name}.sql").read_text()
    for block in text.split("\n\n-- ")[1:]:
        head, statement = _read(block)
        kind = parts if "part" in head else queries
        after = tuple(filter(None, head.get("after", "").split(", ")))
        kind[head.get("part") or head["name"]] = _Statement(statement, after)
    return {name: _complete(query, parts) for name, query in queries.items()}


def _read(block: str) -> tuple[dict[str, str], str]:
    head: dict[str, str] = {}
    body: list[str] = []
    for line in f"-- {block}".strip().splitlines():
        mark, _, value = line.removeprefix("-- ").partition(": ")
        if line.startswith("-- "):
            if mark in _MARKS:
                head[mark] = value
            continue
        body.append(line)
    return head, "\n".join(body)


def _complete(query: _Statement, parts: dict[str, _Statement]) -> str:
    if not query.after:
        return query.text
    named = [f"{name} as (\n{_indented(parts[name].text)}\n)" for name in query.after]
    return "with " + ",\n".join(named) + "\n" + query.text


def _indented(text: str) -> str:
    return "\n".join(f"  {line}" for line in text.splitlines())
