"""Every verb of the command line, in the order of its help.

To add a verb: write a module with `register(app: typer.Typer) -> None` and name it in MODULES. A
module is imported when the command line starts, so keep heavy imports inside its functions.
"""

import importlib

import typer

MODULES: tuple[str, ...] = (
    "salespipe.up",
    "salespipe.down",
    "salespipe.status.command",
    "salespipe.verify.command",
    "salespipe.logs",
    "salespipe.gen",
    "salespipe.importing",
    "salespipe.sql",
    "salespipe.kafka_tools",
    "salespipe.scale",
    "salespipe.migrate",
    "salespipe.setup",
    "salespipe.exporter.command",
    "salespipe.version",
)


def register(app: typer.Typer) -> None:
    for name in MODULES:
        importlib.import_module(name).register(app)
