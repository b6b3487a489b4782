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
    }
)


class Spread(LoadScopeScheduling):  # type: ignore[misc]
    """Such a module stays in one process; all other tests are dealt out one by one."""

    def _split_scope(self, nodeid: str) -> str:
        module: str = nodeid.split("::", 1)[0]
        return module if module in WHOLE else nodeid


def pytest_xdist_make_scheduler(config: Any, log: Any) -> Spread:
    return Spread(config, log)
