"""One stack in containers for the whole session."""

from collections.abc import Iterator

import pytest

from support import compose_stack
from support.compose_stack import ComposeStack


@pytest.fixture(scope="session")
def composed() -> Iterator[ComposeStack]:
    reason = compose_stack.missing()
    if reason:
        pytest.skip(reason)
    with pytest.MonkeyPatch.context() as patch:
        # beside a stack that a person may be running here
        patch.setenv("COMPOSE_PROJECT_NAME", "salespipe-test")
        patch.setenv("GRAFANA_PORT", "23000")
        with compose_stack.compose_stack() as stack:
            yield stack
