"""The loader's statements, one file each, by name."""

from functools import cache
from importlib.resources import files


@cache
def query(name: str) -> str:
    return files(__name__).joinpath(f"{name}.sql").read_text()
