"""Which series a PromQL expression names; no parser: strings, labels, ranges are cut away."""

import re

# what has no sample while nothing is wrong, by the series that it is about
EMPTY_WHEN_WELL = {"salespipe_retries_total", "salespipe_dbt_test_failures_total"}
_STRING = re.compile(r'"[^"]*"|\'[^\']*\'')
_COMMENT = re.compile(r"#.*")
_GROUPING = re.compile(r"\b(by|without|on|ignoring|group_left|group_right)\s*\([^)]*\)")
_WORD = re.compile(r"(\d\w*|[A-Za-z_:][\w:]*)(\s*\()?")
_WORDS = {"and", "or", "unless", "bool", "offset", "inf", "nan", "Inf", "NaN"}
_SELECTOR = re.compile(r"([A-Za-z_:][\w:]*)\{([^}]*)\}")
_LABEL = re.compile(r"(\w+)\s*(?:=~|!~|!=|=)")


def series_in(expr: str) -> set[str]:
    """Names of series, recorded ones included."""
    bare = _COMMENT.sub("", _STRING.sub("", expr))
    bare = re.sub(r"\{[^}]*\}|\[[^\]]*\]", " ", bare)
    bare = _GROUPING.sub(" ", bare)
    return {
        name
        for name, call in _WORD.findall(bare)
        if not call and name not in _WORDS and not name[0].isdigit()
    }


def labels_in(expr: str) -> set[tuple[str, str]]:
    """(series, label) of every matcher."""
    bare = _STRING.sub('""', expr)
    return {
        (name, label)
        for name, matchers in _SELECTOR.findall(bare)
        for label in _LABEL.findall(matchers)
    }


def for_prometheus(expr: str) -> str:
    """Grafana's variables replaced as it would."""
    return expr.replace("$__rate_interval", "1m").replace("$__range", "1h")
