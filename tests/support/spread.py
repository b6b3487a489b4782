"""Which test goes to which of pytest-xdist's processes."""

from typing import Any

from xdist.scheduler import LoadScopeScheduling

# one fixture of the module starts a pipeline that its tests share
WHOLE = frozenset(
    {
        "tests/integration/test_supervised_services.py",
        "tests/integration/test_transformer.py",
        "tests/integration/test_verify.py",
        "tests/observability/test_on_real_servers.py",
        "tests/docker/test_every_alert.py",
    }
)
IN_ORDER = "tests/docker/"  # the other modules there: one stack, one after the other


class Spread(LoadScopeScheduling):  # type: ignore[misc]
    """What shares a pipeline stays in one process; all other tests are dealt out one by one."""

    def _split_scope(self, nodeid: str) -> str:
        module: str = nodeid.split("::", 1)[0]
        if module in WHOLE:
            return module
        return IN_ORDER if module.startswith(IN_ORDER) else nodeid


def pytest_xdist_make_scheduler(config: Any, log: Any) -> Spread:
    return Spread(config, log)
