"""Named SQL: `-- name: x` opens a statement in a file of this package's sql/ folder."""

import re
from importlib import resources

_NAME = re.compile(r"^-- name: (\w+)\n", re.MULTILINE)


def load(file: str) -> dict[str, str]:
    """The statements of sql/<file>.sql by name."""
    text = (resources.files("transformer") / "sql" / f"{file}.sql").read_text()
    _, *parts = _NAME.split(text)
    return dict(zip(parts[::2], (sql.strip() for sql in parts[1::2]), strict=True))
