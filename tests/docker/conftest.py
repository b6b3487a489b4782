"""One stack in containers for the whole session."""

from collections.abc import Iterator

import pytest

from support import compose_stack, quick_watching
from support.compose_stack import ComposeStack


@pytest.fixture(scope="session")
def composed(tmp_path_factory: pytest.TempPathFactory) -> Iterator[ComposeStack]:
    reason = compose_stack.missing()
    if reason:
        pytest.skip(reason)
    with pytest.MonkeyPatch.context() as patch:
        # beside a stack that a person may be running here
        patch.setenv("COMPOSE_PROJECT_NAME", "salespipe-test")
        patch.setenv("GRAFANA_PORT", "23000")
        rules = quick_watching.write_rules(tmp_path_factory.mktemp("rules"))
        patch.setenv("PROMETHEUS_RULES", str(rules))
        config = tmp_path_factory.mktemp("alertmanager") / "alertmanager.yml"
        patch.setenv("ALERTMANAGER_CONFIG", str(quick_watching.write_alertmanager(config)))
        # test_watching.py starts it; until then nobody listens
        patch.setenv("ALERT_WEBHOOK_URL", "http://salespipe-test-receiver:8080/alerts")
        patch.setenv("ALERT_HEARTBEAT_URL", "http://salespipe-test-receiver:8080/heartbeat")
        with compose_stack.compose_stack() as stack:
            yield stack
