"""salespipe version."""

import importlib.metadata
import platform

import typer


def register(app: typer.Typer) -> None:
    app.command()(version)


def version() -> None:
    """Print the version."""
    own = importlib.metadata.version("salespipe")
    print(f"salespipe {own} · Python {platform.python_version()}")
