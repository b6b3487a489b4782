"""A record is one JSON object on one line."""

import json
import logging
import sys
from typing import Any

from pipeline.contracts.messages import FileLoaded
from pipeline.errors import Poison
from pipeline.logs import JsonFormatter, libraries_warn


def written(record: logging.LogRecord) -> dict[str, Any]:
    line = JsonFormatter("loader", "1.2.3").format(record)
    assert "\n" not in line
    found: dict[str, Any] = json.loads(line)
    return found


def record(message: str, *arguments: object, **extra: object) -> logging.LogRecord:
    logger = logging.getLogger("loader.intake")
    return logger.makeRecord(
        logger.name, logging.WARNING, __file__, 1, message, arguments, None, extra=extra
    )


def test_a_line_says_when_how_bad_who_and_what() -> None:
    line = written(record("took %d files", 3))
    assert line.pop("time").endswith("+00:00")
    assert line == {
        "level": "warning", "service": "loader", "version": "1.2.3",
        "logger": "loader.intake", "message": "took 3 files",
    }  # fmt: skip


def test_extras_are_fields_of_the_line() -> None:
    line = written(record("dead letter", partition=3, offset=12, key=b"a", at={1}))
    assert (line["partition"], line["offset"]) == (3, 12)
    assert (line["key"], line["at"]) == ("b'a'", "{1}")


def test_text_of_several_lines_stays_on_one() -> None:
    assert written(record("a\nb"))["message"] == "a\nb"


def test_a_traceback_is_part_of_the_line() -> None:
    logger = logging.getLogger("x")
    try:
        raise ValueError("broken")
    except ValueError:
        failed = logger.makeRecord("x", logging.ERROR, __file__, 1, "failed", (), sys.exc_info())
    traceback = written(failed)["traceback"]
    assert traceback.startswith("Traceback")
    assert traceback.endswith("ValueError: broken")


def test_a_message_that_cannot_be_read_is_described_without_its_values() -> None:
    value = b'{"file_id": "Jane Doe, 4111 1111 1111 1111", "kind": "eaten"}'
    try:
        FileLoaded.from_bytes(value)
    except Poison as poison:
        message = written(record("dead letter: %s", poison))["message"]
    assert "file_id: " in message
    assert "Jane Doe" not in message
    assert "eaten" not in message


def test_what_a_library_retries_is_no_error_of_the_service() -> None:
    levels = {}
    for name in ("aiokafka.consumer.group_coordinator", "loader.intake"):
        line = logging.makeLogRecord({"name": name, "levelno": 40, "levelname": "ERROR"})
        assert libraries_warn(line)
        levels[name.split(".")[0]] = written(line)["level"]
    assert levels == {"aiokafka": "warning", "loader": "error"}
