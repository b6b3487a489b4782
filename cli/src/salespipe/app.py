"""The command line: one typer app; verbs.py names the modules that add to it."""

import typer

app = typer.Typer(
    name="salespipe", no_args_is_help=True, add_completion=False, pretty_exceptions_enable=False
)


@app.callback()
def salespipe() -> None:
    """Starts, watches and proves the sales pipeline."""
