"""F1, F2, F3, F4: services killed, killed at a named point, frozen, doubled."""

import asyncio
import os
import random
import signal

from faults.fault import Act, Fault, nothing
from faults.world import SERVICES, World
from pipeline.crash import KILLED, POINTS
from support.eventually import eventually
from support.service_process import ServiceProcess

# longer than a member's session at the broker (12 s)
_FROZEN = 14.0
# a point of the transformer is reached once a run, and its first run waits for dbt to start
_REACHED = 120.0
_SERVICE_OF = {name.split("-")[-1]: name for name in SERVICES}


async def running(world: World, name: str) -> ServiceProcess:
    """The service, once it runs (the keeper may be about to start it)."""
    process = world.services[name].process
    await eventually(lambda: process.running, within=30)
    return process


def kill(name: str, times: int) -> Act:
    """kill -9, again and again, each time soon after the keeper started it."""

    async def act(world: World) -> None:
        for number in range(times):
            if number:
                await asyncio.sleep(random.uniform(0.2, 3))
            os.killpg((await running(world, name)).pid, signal.SIGKILL)

    return act


def send(name: str, number: signal.Signals) -> Act:
    """A signal to a service and its children."""

    async def act(world: World) -> None:
        os.killpg((await running(world, name)).pid, number)

    return act


def crash_at(point: str) -> Act:
    """The service dies when it reaches this point for the nth time."""
    name = _SERVICE_OF[point.split(".")[0]]

    async def act(world: World) -> None:
        kept = world.services[name]
        kept.held = True
        try:
            # in a thread: a service that drains needs the links that this loop serves
            await asyncio.to_thread(kept.process.stop)
            if point == "sink.revoke_flush":
                kept.process.start(None, CRASH_AT=point)
                await _join_until_it_dies(world, kept.process)
            else:
                kept.process.start(None, CRASH_AT=f"{point}:{random.randint(1, 3)}")
                await eventually(lambda: not kept.process.running, within=_REACHED)
            code = kept.process.wait()
            assert code == KILLED, f"{point} was not reached: {code}\n{kept.process.logs[-3000:]}"
        finally:
            kept.held = False

    return act


async def _join_until_it_dies(world: World, victim: ServiceProcess) -> None:
    """Members that join make it give partitions up; again, where one came before it had any."""
    for _ in range(4):
        other = world.second("s3-sink")
        try:
            await eventually(lambda: not victim.running, within=_REACHED / 4)
            return
        except AssertionError:
            continue
        finally:
            await asyncio.to_thread(other.kill)


def doubled(name: str, number: signal.Signals) -> Act:
    """A second one joins, works for a while, and leaves or is killed; twice."""

    async def act(world: World) -> None:
        for _ in range(2):
            other = world.second(name)
            try:
                await asyncio.sleep(random.uniform(3, 6))  # both are at work
                assert other.running, other.logs[-3000:]
                os.killpg(other.pid, number)
                await asyncio.to_thread(other.wait, 30)
            finally:
                other.kill()

    return act


def faults() -> list[Fault]:
    found = []
    for name in SERVICES:
        touches = frozenset({name})
        resume = send(name, signal.SIGCONT)
        in_ci = name in ("s3-sink", "loader")
        found += [
            Fault("F1", f"kill -9 {name}", kill(name, 1), touches=touches, ci=True),
            Fault("F1", f"kill -9 {name} five times", kill(name, 5), touches=touches),
            Fault("F3", f"freeze {name}", send(name, signal.SIGSTOP), resume, _FROZEN, touches,
                  ci=name != "generator"),
        ]  # fmt: skip
        if name == "generator":
            continue  # one schedule, one generator
        found += [
            Fault("F4", f"two of {name}, one leaves", doubled(name, signal.SIGTERM), nothing, 0,
                  touches),
            Fault("F4", f"two of {name}, one dies", doubled(name, signal.SIGKILL), nothing, 0,
                  touches, ci=in_ci),
        ]  # fmt: skip
    for point in POINTS:
        name = _SERVICE_OF[point.split(".")[0]]
        found.append(
            Fault("F2", f"crash at {point}", crash_at(point), touches=frozenset({name}), ci=True)
        )
    return found
