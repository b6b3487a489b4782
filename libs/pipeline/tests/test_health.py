"""Live while the loop turns, ready while everything it needs is up."""

from prometheus_client import REGISTRY

from pipeline.health import Health


class Clock:
    def __init__(self) -> None:
        self.now = 100.0

    def __call__(self) -> float:
        return self.now


def test_it_is_not_ready_before_it_is_connected() -> None:
    health = Health("kafka", "s3")
    assert (health.live, health.ready, health.state) == (True, False, "waiting")
    health.up("kafka")
    assert not health.ready
    health.up("s3")
    assert (health.ready, health.state) == (True, "ready")


def test_an_outage_is_named_and_no_stall() -> None:
    health = Health("kafka")
    health.up("kafka")
    health.down("kafka", "connection refused")
    assert (health.live, health.ready) == (True, False)
    assert health.report()["checks"] == {"kafka": {"ok": False, "detail": "connection refused"}}
    health.up("kafka")
    assert health.ready


def test_a_loop_that_no_longer_turns_is_not_live() -> None:
    clock = Clock()
    health = Health(stall_after=60, clock=clock)
    clock.now += 59
    assert health.live
    clock.now += 1
    assert (health.live, health.state) == (False, "stalled")
    health.progress()
    assert (health.live, health.state, health.idle_seconds) == (True, "ready", 0)


def test_a_process_that_stops_is_live_and_not_ready() -> None:
    health = Health()
    health.stopping()
    assert (health.live, health.ready, health.state) == (True, False, "stopping")


def test_what_is_up_is_a_series() -> None:
    health = Health("warehouse")

    def up() -> float | None:
        return REGISTRY.get_sample_value("salespipe_dependency_up", {"dependency": "warehouse"})

    assert up() == 0
    health.up("warehouse")
    assert up() == 1
