"""What is asked for, what is refused, and what survives a crash."""

from datetime import UTC, datetime
from typing import Any

import pytest

from generator.batch import Batch
from generator.control import Asked, Control, Refused
from generator.history import History
from generator.intent import Intent
from generator.settings import GeneratorSettings
from generator.windows import HOUR, Window
from pipeline.contracts.messages import BatchManifest

TEN = round(datetime(2026, 11, 23, 10, tzinfo=UTC).timestamp())
WINDOW = Window(TEN, TEN + HOUR)
LATER = TEN + 100 * HOUR


def settings(**changes: Any) -> GeneratorSettings:
    return GeneratorSettings(**changes)


def manifest_of(intent: Intent) -> BatchManifest:
    return Batch(intent.order).manifest(intent.knobs, datetime.now(UTC))


def ask(control: Control, history: History, window: Window = WINDOW, **more: Any) -> Asked:
    return control.ask(window, history, now=LATER, **more)


def test_a_window_that_is_asked_for_twice_is_one_batch() -> None:
    control, history = Control(settings()), History()
    first = ask(control, history)
    assert ask(control, history) is first
    history.add(manifest_of(control.asked_for(first)))
    assert ask(control, history).state == "published"
    assert control.next_asked(history) is None


def test_windows_that_overlap_are_refused_unless_they_are_another_stream() -> None:
    control, history = Control(settings()), History()
    ask(control, history)
    half = Window(TEN + HOUR // 2, TEN + 2 * HOUR)
    with pytest.raises(Refused, match="overlaps"):
        ask(control, history, half)
    own = ask(control, history, half, seed=7)
    assert own.own_stream
    assert own.order.batch_id != ask(control, history, half, seed=8).order.batch_id
    history.add(manifest_of(control.scheduled(WINDOW)))
    with pytest.raises(Refused, match="published"):
        ask(control, history, half)


def test_the_future_cannot_be_published() -> None:
    with pytest.raises(ValueError, match="future"):
        Control(settings()).ask(WINDOW, History(), now=TEN + 1)


def test_a_window_that_was_published_meanwhile_is_refused_and_the_next_goes_on() -> None:
    control, history = Control(settings()), History()
    first = ask(control, history)
    other = ask(control, history, Window(TEN + HOUR, TEN + 2 * HOUR))
    history.add(manifest_of(control.scheduled(Window(TEN, TEN + HOUR // 2))))
    assert control.next_asked(history) is other
    assert (first.state, bool(first.detail)) == ("refused", True)


def test_a_batch_that_was_under_way_is_known_from_its_text_alone() -> None:
    control = Control(settings(rate=777, delay_rate=0.5, seed=9))
    begun = control.scheduled(WINDOW)
    found = Intent.from_text(begun.to_text())
    assert found == begun
    assert len(begun.to_text()) < 4096  # a broker's offset.metadata.max.bytes
    assert manifest_of(begun).knobs["rate"] == 777


def test_a_text_of_another_version_or_of_nobody_is_no_batch() -> None:
    text = Control(settings()).scheduled(WINDOW).to_text()
    assert [Intent.from_text(other) for other in ("", "x", "1", "{}", '{"version":"1"}')] == [
        None
    ] * 5
    assert Intent.from_text(text.replace('"version":"1"', '"version":"0"')) is None
    assert Intent.from_text(text.replace('"flat"', '"no_such_knob"')) is None


def test_rate_and_knobs_survive_a_restart_unless_the_settings_changed() -> None:
    control, history = Control(settings()), History()
    control.rate, control.knobs = 5000, control.knobs.changed({"repeat_rate": 0.5})
    history.add(manifest_of(control.scheduled(WINDOW)))
    again = Control(settings())
    again.resume_from(history.last_knobs)
    assert (again.rate, again.knobs) == (5000, control.knobs)
    changed = Control(settings(rate=10))
    changed.resume_from(history.last_knobs)
    assert changed.rate == 10


def test_a_manifest_holds_all_that_makes_the_batch_again() -> None:
    control = Control(settings(scenario="messy", rate=600))
    intent = control.scheduled(WINDOW)
    batch = Batch(intent.order)
    values = [value for chunk in batch for value in chunk.values]
    manifest = batch.manifest(intent.knobs, datetime.now(UTC))
    assert manifest.seed is not None
    text = Intent(intent.order, {}).to_text()
    again = Intent.from_text(text)
    assert again is not None
    assert manifest.knobs.items() >= again.order.knobs.as_dict().items()
    assert [value for chunk in Batch(again.order) for value in chunk.values] == values


def test_settings_name_every_knob_and_refuse_a_wrong_one() -> None:
    assert settings(scenario="hostile", return_rate=0.0).knobs().return_rate == 0.0
    assert settings(delay_max="PT2H").knobs().delay_max == 7200
    for wrong in ({"schedule": "1H"}, {"scenario": "x"}, {"delay_rate": 2}, {"delay_max": "P9D"}):
        with pytest.raises(ValueError, match=next(iter(wrong))):
            settings(**wrong)
