"""The command of each tool that loads a bucket's files into PostgreSQL, as its guide gives it.

All append: what a nightly job does. Fair, and said: the tables of dlt, sling and ingestr are made
by themselves, without an index, and hold amounts as floats; ours has an index, checks each line
and keeps the ledger. What a command takes for a file of one row (its start, its own tables) is
taken off.
"""

from collections.abc import Callable
from dataclasses import dataclass, replace
from pathlib import Path
from urllib.parse import urlencode

from bench.peers.place import Ended, Place, environment, run

HERE = Path(__file__).parent


@dataclass(frozen=True)
class Loader:
    name: str
    venv: str
    forms: tuple[str, ...]  # of files
    start: Callable[[Path, Place], tuple[list[str], dict[str, str]]]

    def load(self, place: Place, log: Path) -> Ended | None:
        """None where it cannot be installed."""
        bin_folder = environment(self.venv)
        if bin_folder is None:
            return None
        argv, env = self.start(bin_folder, place)
        return run(argv, Path(place.folder), log, **env)


def _script(bin_folder: Path, place: Place) -> tuple[list[str], dict[str, str]]:
    return [str(bin_folder / "python"), str(HERE / "script_rows.py"), place.json], {}


def _dlt(way: str) -> Callable[[Path, Place], tuple[list[str], dict[str, str]]]:
    def start(bin_folder: Path, place: Place) -> tuple[list[str], dict[str, str]]:
        told = replace(place, way=way)
        return [str(bin_folder / "python"), str(HERE / "dlt_rows.py"), told.json], {}

    return start


def _sling(bin_folder: Path, place: Place) -> tuple[list[str], dict[str, str]]:
    (binary,) = bin_folder.parent.glob("lib/*/site-packages/sling_linux_amd64/bin/sling-linux-*")
    store = (
        f'{{"type":"s3","bucket":"{place.bucket}","access_key_id":"{place.key}",'
        f'"secret_access_key":"{place.secret}","endpoint":"{place.endpoint}","region":"us-east-1"}}'
    )
    argv = [
        str(binary), "run", "--src-conn", "STORE", "--src-stream",
        f"s3://{place.bucket}/{place.prefix}", "--src-options", '{"flatten": true}',
        "--tgt-conn", "WAREHOUSE", "--tgt-object", f"{place.schema}.{place.table}",
        "--mode", "snapshot",
    ]  # fmt: skip
    return argv, {"STORE": store, "WAREHOUSE": f"{place.dsn}?sslmode=disable"}


def _ingestr(bin_folder: Path, place: Place) -> tuple[list[str], dict[str, str]]:
    asked = urlencode(
        {
            "access_key_id": place.key,
            "secret_access_key": place.secret,
            "endpoint_url": place.endpoint,
        }
    )
    argv = [
        str(bin_folder / "ingestr"), "ingest", "--yes", "--progress", "log",
        "--source-uri", f"s3://?{asked}",
        "--source-table", f"{place.bucket}/{place.prefix}*{place.suffix}",
        "--dest-uri", place.dsn, "--dest-table", f"{place.schema}.{place.table}",
        "--incremental-strategy", "append",
    ]  # fmt: skip
    return argv, {}


LINES, PARQUET = "json.gz", "parquet"
LOADERS = (
    Loader("the usual script", "scripts", (LINES,), _script),
    Loader("dlt, as documented", "dlt", (LINES,), _dlt("documented")),
    Loader("dlt, through Arrow", "dlt", (LINES,), _dlt("arrow")),
    Loader("dlt, Parquet", "dlt", (PARQUET,), _dlt("parquet")),
    # Parquet it reads by a DuckDB that it downloads when it is first asked
    Loader("sling", "sling", (LINES,), _sling),
    Loader("ingestr", "ingestr", (LINES, PARQUET), _ingestr),
)
