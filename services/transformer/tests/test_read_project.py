"""The project read for an image: what is kept is what a process of that image asks for."""

import asyncio
import shutil
from pathlib import Path

import pytest

from transformer.parsed_project import ParsedProject
from transformer.read_project import read
from transformer.settings import TransformerSettings


@pytest.fixture
def project(tmp_path: Path) -> Path:
    copy = tmp_path / "dbt"
    unread = shutil.ignore_patterns("target", "logs")
    shutil.copytree(TransformerSettings().project_dir, copy, ignore=unread)
    return copy


def test_what_was_read_is_found_again(project: Path) -> None:
    asyncio.run(read(TransformerSettings(project_dir=project)))
    kept = ParsedProject(project, project / "target", "another").load()
    assert kept is not None
    assert {"run_sales", "fct_sales"} <= {node.name for node in kept.nodes.values()}


def test_a_folder_that_takes_nothing_is_said(project: Path) -> None:
    (project / "target").write_text("in the way")
    with pytest.raises(RuntimeError, match="cannot be written to"):
        asyncio.run(read(TransformerSettings(project_dir=project)))
