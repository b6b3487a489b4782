"""Each fault of the CI tier once, against one world under load: nothing lost, nothing twice.

`make faults` is the whole matrix, many times over, and asks for recovery within a minute; here,
where other tests may keep the machine busy, only that it recovers. The order hangs on FAULTS_SEED.
"""

import os
import random
from collections.abc import AsyncIterator

import pytest
import pytest_asyncio

from faults.campaign import PATIENCE_SECONDS, Campaign
from faults.fault import Round, rounds
from faults.matrix.all import ci_tier
from faults.world import world

SEED = int(os.environ.get("FAULTS_SEED", "1"))
RATE = 500  # events a second
pytestmark = [
    pytest.mark.faults,
    pytest.mark.servers,
    pytest.mark.asyncio(loop_scope="module"),
    pytest.mark.timeout(600),
]


def in_order() -> list[Round]:
    for fault in ci_tier():
        if fault.unable:
            print(f"{fault} is not done here: {fault.unable}")
    faults = [fault for fault in ci_tier() if not fault.unable]
    random.Random(SEED).shuffle(faults)
    return rounds(faults, 5)


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def campaign() -> AsyncIterator[Campaign]:
    random.seed(SEED)
    async with world(RATE) as here:
        begun = Campaign(here, bar=PATIENCE_SECONDS)
        await begun.begin()
        yield begun


@pytest.mark.parametrize("faults", in_order(), ids=str)
async def test_nothing_is_lost_or_doubled_by(campaign: Campaign, faults: Round) -> None:
    outcome = await campaign.run(faults)
    print(f"back after {outcome.recovered} s", outcome.exits)
    assert outcome.problems == [], f"seed {SEED}"


async def test_a_witness_who_has_seen_nothing_finds_everything_once(campaign: Campaign) -> None:
    """The last: the load ends, and all that was sent is read anew."""
    outcome = await campaign.end()
    assert outcome.problems == [], f"seed {SEED}"
