"""salespipe logs: what the servers and services write."""

import time
from pathlib import Path
from typing import Annotated

import typer

from salespipe.embedded import child
from salespipe.errors import Code, SalespipeError
from salespipe.settings import state_folder

_LOOK_EVERY = 0.3


def register(app: typer.Typer) -> None:
    app.command()(logs)


def logs(
    name: Annotated[str | None, typer.Argument(help="A part; all where none is named.")] = None,
    follow: Annotated[bool, typer.Option("--follow", "-f", help="Go on with new lines.")] = False,
    lines: Annotated[int, typer.Option("--lines", "-n", help="Lines of each to begin with.")] = 30,
) -> None:
    """Print the logs of a service, a server or all."""
    files = _files(state_folder() / "logs", name)
    width = max(len(file.stem) for file in files)
    for file in files:
        for line in child.tail(file, lines):
            print(f"{file.stem:<{width}} | {line}")
    if follow:
        _follow(files, width)


def _files(folder: Path, name: str | None) -> list[Path]:
    files = sorted(folder.glob("*.log")) if folder.exists() else []
    chosen = [file for file in files if name in (None, file.stem)]
    if not chosen:
        known = ", ".join(file.stem for file in files) or "none yet: run `salespipe up`"
        what = f"there is no log of {name}" if name else "there are no logs"
        raise SalespipeError(Code.UNKNOWN_SERVICE, what, fix=f"one of: {known}")
    return chosen


def _follow(files: list[Path], width: int) -> None:
    read = {file: file.stat().st_size for file in files}
    try:
        while True:
            for file in files:
                read[file] = _print_new(file, read[file], width)
            time.sleep(_LOOK_EVERY)
    except KeyboardInterrupt:
        return


def _print_new(file: Path, seen: int, width: int) -> int:
    size = file.stat().st_size
    begin = seen if size >= seen else 0  # it was rotated
    with file.open("rb") as stream:
        stream.seek(begin)
        whole, newline, _ = stream.read(size - begin).rpartition(b"\n")
    for line in whole.decode(errors="replace").splitlines() if newline else ():
        print(f"{file.stem:<{width}} | {line}", flush=True)
    return begin + len(whole) + len(newline)
