"""How many examples a property is tried on: few and always the same ones in CI; as many as asked,
each time others, by PROPERTY_EXAMPLES=5000 (a failure prints how to repeat it).

PROPERTY_SHRINK=no shows the first failure as it was found: for who only asks whether there is one.
"""

import os

from hypothesis import HealthCheck, Phase, settings


def examples(count: int, *, steps: int = 50) -> settings:
    asked = os.environ.get("PROPERTY_EXAMPLES")
    phases = [Phase.explicit, Phase.reuse, Phase.generate]
    if os.environ.get("PROPERTY_SHRINK") != "no":
        phases.append(Phase.shrink)
    return settings(
        max_examples=int(asked) if asked else count,
        stateful_step_count=steps,
        derandomize=not asked,
        database=None,
        deadline=None,
        phases=phases,
        print_blob=True,
        suppress_health_check=[HealthCheck.too_slow, HealthCheck.data_too_large],
    )
