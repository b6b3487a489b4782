"""Control messages on the wire: what was ever sent is still read, and written the same."""

import json
from pathlib import Path

import pytest

from pipeline.contracts.messages import (
    BatchManifest,
    DeadLetter,
    FileLoaded,
    Message,
    ModelsBuilt,
)

_EXAMPLES = Path(__file__).parent / "examples"
CLASSES: dict[str, type[Message]] = {
    "batch_manifest": BatchManifest,
    "file_loaded": FileLoaded,
    "models_built": ModelsBuilt,
    "dead_letter": DeadLetter,
}
PATHS = [path for name in CLASSES for path in sorted((_EXAMPLES / name).glob("*.json"))]


@pytest.mark.parametrize("path", PATHS, ids=lambda path: f"{path.parent.name}-{path.stem}")
def test_a_control_message_is_read_and_written_the_same(path: Path) -> None:
    message = CLASSES[path.parent.name].from_bytes(path.read_bytes())
    written = json.loads(message.to_bytes())
    sent = json.loads(path.read_bytes())
    # what a sender left out has its default
    assert {name: written[name] for name in sent} == sent
    defaults = type(message).model_fields
    assert all(not defaults[name].is_required() for name in written.keys() - sent.keys())


def test_every_message_has_an_example() -> None:
    assert {path.parent.name for path in PATHS} == set(CLASSES)
    assert len(Message.__subclasses__()) == len(CLASSES)
