"""salespipe down and reset: stop everything; start over."""

import shutil
from typing import Annotated

import typer

from salespipe import launch
from salespipe.errors import Code, SalespipeError
from salespipe.settings import state_folder


def register(app: typer.Typer) -> None:
    app.command()(down)
    app.command()(reset)


def down() -> None:
    """Stop everything; data and settings stay."""
    stopped = launch.stop(state_folder())
    print(f"stopped: {', '.join(stopped)}" if stopped else "nothing was running")


def reset(
    yes: Annotated[bool, typer.Option("--yes", "-y", help="Do not ask.")] = False,
) -> None:
    """Stop everything and delete all its data."""
    folder = state_folder()
    if not (folder / "state.json").exists():
        print(f"nothing to delete: there is no stack in {folder}")
        return
    if not (yes or typer.confirm(f"Delete every sale, file and setting in {folder}?")):
        raise SalespipeError(Code.CANCELLED, "nothing was deleted")
    launch.stop(folder)
    shutil.rmtree(folder)
    print(f"deleted {folder}")
