"""docs/contracts.md names everything there is to name."""

import re
from dataclasses import fields
from pathlib import Path

from pipeline.contracts import topics
from pipeline.contracts.messages import Message
from pipeline.contracts.objects import ObjectMetadata
from pipeline.contracts.sale_event import FIELDS

_ROOT = Path(__file__).parents[2]
_PAGE = (_ROOT / "docs" / "contracts.md").read_text()
_NAMED = set(re.findall(r"`([^`\n]+)`", _PAGE))
_INVALID = _ROOT / "tests" / "contracts" / "examples" / "sale_event" / "v1" / "invalid"


def test_every_field_header_and_topic_is_named() -> None:
    headers = {field.name.replace("_", "-") for field in fields(ObjectMetadata)}
    messages = {name for cls in Message.__subclasses__() for name in cls.model_fields}
    assert {*FIELDS, *headers, *messages, *topics.ALL} - _NAMED == set()


def test_every_reason_for_a_reject_is_explained() -> None:
    reasons = {path.name for path in _INVALID.iterdir()} | {"too_long"}
    assert {line.split("`")[1] for line in _PAGE.splitlines() if line.startswith("| `")} >= reasons


def test_every_reason_to_set_a_file_or_message_aside_is_named() -> None:
    code = "".join(path.read_text() for path in (_ROOT / "services/loader/src").rglob("*.py"))
    code += "".join(path.read_text() for path in (_ROOT / "libs/pipeline/src").rglob("*.py"))
    assert set(re.findall(r'\bPoison\(\s*"(\w+)"', code)) - _NAMED == set()
