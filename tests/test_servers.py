"""Which servers the tests themselves run on."""

import pytest

from support import servers


@pytest.mark.parametrize("kind", ["containers", "embedded"])
def test_a_person_chooses(monkeypatch: pytest.MonkeyPatch, kind: str) -> None:
    monkeypatch.setenv("TEST_SERVERS", kind)
    assert servers.chosen() == kind


def test_a_slip_in_the_choice_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("TEST_SERVERS", "container")
    with pytest.raises(ValueError, match="TEST_SERVERS=container"):
        servers.chosen()


def test_without_a_docker_command_they_are_embedded(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("TEST_SERVERS", "")  # as if it were not set; put back afterwards
    monkeypatch.setenv("PATH", "")
    assert servers.chosen() == "embedded"
    # what it found holds for the processes that this one starts
    monkeypatch.setenv("PATH", "/nowhere")
    assert servers.chosen() == "embedded"
