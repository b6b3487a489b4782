"""What Grafana makes of a panel's SQL before PostgreSQL sees it: macros and variables expanded.

Only what the dashboards use; anything else that looks like a macro or a variable is an error.
"""

import re
from collections.abc import Mapping, Sequence
from datetime import datetime

_VARIABLE = re.compile(r"\$\{(\w+):sqlstring\}")
_FILTER = re.compile(r"\$__timeFilter\(([\w.]+)\)")
_LEFT = re.compile(r"\$(?:__|\{|[A-Za-z])\S*")


def expanded(
    sql: str, since: datetime, until: datetime, variables: Mapping[str, Sequence[str]]
) -> str:
    """Raises ValueError where something is left, KeyError for a variable that nobody defines."""
    begin, end = (f"'{moment:%Y-%m-%dT%H:%M:%SZ}'" for moment in (since, until))
    found = _FILTER.sub(rf"\1 BETWEEN {begin} AND {end}", sql)
    found = found.replace("$__timeFrom()", begin).replace("$__timeTo()", end)
    found = _VARIABLE.sub(lambda match: ",".join(map(_quoted, variables[match[1]])), found)
    if left := _LEFT.findall(found):
        raise ValueError(f"not expanded: {left}")
    return found


def variables_in(text: str) -> set[str]:
    """Names of dashboard variables in SQL, titles or links, Grafana's own left out."""
    named = set(re.findall(r"\$\{(\w+)(?::\w+)?\}", text))
    return {name for name in named if not name.startswith("__")}


def _quoted(value: str) -> str:
    return "'" + value.replace("'", "''") + "'"
