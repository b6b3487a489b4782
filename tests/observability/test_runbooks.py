"""Runbooks: every page has its parts, every command exists. Their SQL runs on real servers."""

import functools
import importlib
import inspect
import re
from pathlib import Path
from typing import Any

import pytest
import typer.main

from salespipe.kafka_tools import TOOLS
from salespipe.state import SERVICES
from salespipe.verbs import register
from support.runbooks import FOLDER, Command, commands

PAGES = sorted(path for path in FOLDER.glob("*.md") if path.stem != "README")
COMMANDS = commands()
LOGS = {*SERVICES, "kafka", "s3", "postgres", "supervisor"}
OPEN = {"/", "/livez", "/readyz", "/metrics"}


def of(program: str) -> list[Command]:
    return [command for command in COMMANDS if command.words[0] == program]


@pytest.mark.parametrize("page", PAGES, ids=lambda page: str(page.stem))
def test_a_page_has_its_parts(page: Path) -> None:
    text = page.read_text()
    assert text.startswith(f"# {page.stem}\n\n**")
    assert re.findall(r"^## (.*)$", text, re.MULTILINE) == ["Look", "Do", "Clears"]


@pytest.mark.parametrize("command", of("salespipe"), ids=str)
def test_verbs_and_options_exist(command: Command) -> None:
    verb, *words = command.words[1:]
    known = _verbs()[verb]
    if verb == "kafka":
        assert words[0] in TOOLS
        return
    if verb == "logs":
        assert words[0] in LOGS
    options = {name for parameter in known.params for name in parameter.opts}
    assert {word for word in words if word.startswith("-")} <= options


@functools.cache
def _verbs() -> dict[str, Any]:
    """As `salespipe --help` has them."""
    own = typer.Typer()
    register(own)
    found: dict[str, Any] = typer.main.get_command(own).commands  # type: ignore[attr-defined]
    return found


@pytest.mark.parametrize("command", of("curl"), ids=str)
def test_addresses_are_routes_of_the_service(command: Command) -> None:
    (url,) = (word for word in command.words if word.startswith("$") and "/" in word)
    service, path = re.fullmatch(r"\$(\w+)(/[^?]*)(?:\?.*)?", url).groups()  # type: ignore[union-attr]
    method = command.words[command.words.index("-X") + 1] if "-X" in command.words else "GET"
    if path in OPEN:
        return
    assert any(
        route_method == method and re.fullmatch(pattern, path)
        for route_method, pattern in _routes(service)
    ), f"{method} {path}"


def _routes(service: str) -> list[tuple[str, str]]:
    """(method, pattern of the path) from the decorators in the service's api module."""
    source = inspect.getsource(importlib.import_module(f"{service.lower()}.api"))
    prefix = re.search(r'APIRouter\(prefix="([^"]*)"', source)
    assert prefix
    found = re.findall(r'@\w+\.(get|post|put)\("([^"]*)"', source)
    return [(m.upper(), prefix[1] + re.sub(r"\{\w+\}", "[^/]+", path)) for m, path in found]


def test_changing_routes_are_asked_with_the_token() -> None:
    for command in of("curl"):
        if "-X" in command.words:
            assert "Authorization: Bearer $TOKEN" in command.words, command
