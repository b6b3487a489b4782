"""salespipe import: starts the generator's import beside the stack, with the generator's rights."""

import subprocess
import sys
from pathlib import Path
from typing import Annotated

import typer


def register(app: typer.Typer) -> None:
    app.command("import")(import_file)


def import_file(
    file: Annotated[Path, typer.Argument(help="CSV, JSON lines, Parquet or columns of text")],
    map_: Annotated[Path, typer.Option("--map", help="which column is which field")],
    speed: Annotated[str, typer.Option(help="max, or 60: an hour of the file in a minute")] = "max",
    currency: Annotated[str, typer.Option(help="where the map names none")] = "USD",
    dry_run: Annotated[bool, typer.Option("--dry-run", help="convert and count only")] = False,
    allow_refused: Annotated[
        bool, typer.Option("--allow-refused", help="exit 0 despite refused rows")
    ] = False,
    refused: Annotated[Path | None, typer.Option(help="where refused rows are written")] = None,
    output: Annotated[str, typer.Option("-o", "--output", help="text or json")] = "text",
) -> None:
    """Send a sales file through the real topics; a second time it adds nothing."""
    words = [str(file), "--map", str(map_), "--speed", speed, "--currency", currency, "-o", output]
    words += ["--dry-run"] * dry_run + ["--allow-refused"] * allow_refused
    words += ["--refused", str(refused)] if refused else []
    command = [sys.executable, "-m", "generator.imports", *words]
    done = subprocess.run(command, env=None if dry_run else _environment(), check=False)
    raise typer.Exit(done.returncode)


def _environment() -> dict[str, str] | None:
    """The generator's; None, our own, where the stack is named by our environment."""
    from salespipe import state
    from salespipe.settings import plain_environment

    stack = state.load()
    return plain_environment() | stack.env("generator") if stack.embedded else None
