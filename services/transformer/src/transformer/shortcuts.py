"""What dbt finds out anew at each invocation, though it cannot change while a process lasts.

Which of the installed modules are dbt's plugins: a look into every folder of sys.path. And which
module each of two dozen behaviour flags comes from: a walk up the stack, which reads sources.
Together a tenth of what a small run takes.
"""

from functools import cache

from dbt.plugins.manager import PluginManager
from dbt_common.behavior_flags import BehaviorFlagRendered


def take_shortcuts() -> None:
    """For this process."""
    PluginManager.from_modules = cache(PluginManager.from_modules)  # type: ignore[method-assign]
    BehaviorFlagRendered._default_source = staticmethod(_source)  # type: ignore[method-assign]


def _source() -> str:
    return "dbt.adapters.postgres.impl"
