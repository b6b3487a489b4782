"""One stack in containers for the whole session, and one that may be broken for good."""

from collections.abc import Iterator

import pytest

from support import compose_stack, quick_watching
from support.compose_stack import ComposeStack


@pytest.fixture(scope="session")
def composed(tmp_path_factory: pytest.TempPathFactory) -> Iterator[ComposeStack]:
    # beside a stack that a person may be running here
    with pytest.MonkeyPatch.context() as patch:
        _watch(patch, tmp_path_factory, "salespipe-test")
        patch.setenv("GRAFANA_PORT", "23000")
        with compose_stack.compose_stack() as stack:
            yield stack


@pytest.fixture(scope="module")
def doomed(tmp_path_factory: pytest.TempPathFactory) -> Iterator[ComposeStack]:
    """With small disks, a batch every few seconds and nobody who opens a page."""
    with pytest.MonkeyPatch.context() as patch:
        _watch(patch, tmp_path_factory, "salespipe-doomed")
        patch.setenv("GRAFANA_SCALE", "0")
        with compose_stack.compose_stack("tests/docker/doomed.yaml") as stack:
            yield stack


def _watch(patch: pytest.MonkeyPatch, folders: pytest.TempPathFactory, project: str) -> None:
    """The project's name, alerts with little patience, and where they go: to PROJECT-receiver,
    which a test starts; until then nobody listens."""
    if reason := compose_stack.missing():
        pytest.skip(reason)
    patch.setenv("COMPOSE_PROJECT_NAME", project)
    patch.setenv("PROMETHEUS_RULES", str(quick_watching.write_rules(folders.mktemp("rules"))))
    config = folders.mktemp("alertmanager") / "alertmanager.yml"
    patch.setenv("ALERTMANAGER_CONFIG", str(quick_watching.write_alertmanager(config)))
    patch.setenv("ALERT_WEBHOOK_URL", f"http://{project}-receiver:8080/alerts")
    patch.setenv("ALERT_HEARTBEAT_URL", f"http://{project}-receiver:8080/heartbeat")
