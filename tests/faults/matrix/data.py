"""F8, F12, F13, F14, F16: notifications, clocks, poison, dbt, limits."""

import asyncio
import contextlib
import random
import resource
import signal

import psutil

from faults import clock
from faults.fault import Act, Fault, nothing
from faults.matrix.kills import running
from faults.world import World
from support.eventually import eventually


def notified(**how: bool | float) -> Act:
    async def act(world: World) -> None:
        for name, value in how.items():
            setattr(world.notifications, name, value)

    return act


async def as_ever(world: World) -> None:
    world.notifications.fair()


async def rubbish(world: World) -> None:
    world.notifications.break_some(10)


async def poison(world: World) -> None:
    """Some hundred of every kind, and one of ten megabytes."""
    assert world.driver
    world.driver.send_signal(signal.SIGUSR1)


async def kill_dbt(world: World) -> None:
    """Three times, whatever it is doing."""
    for _ in range(3):
        (await _dbt(world)).kill()
        await asyncio.sleep(random.uniform(0.5, 2))


async def freeze_dbt(world: World) -> None:
    (await _dbt(world)).suspend()


async def thaw_dbt(world: World) -> None:
    with contextlib.suppress(AssertionError, psutil.NoSuchProcess):
        (await _dbt(world)).resume()


async def _dbt(world: World) -> psutil.Process:
    """The transformer's child, once there is one."""

    def child() -> psutil.Process | None:
        with contextlib.suppress(psutil.NoSuchProcess):
            for process in psutil.Process(transformer.pid).children():
                if "transformer.dbt_process" in process.cmdline():
                    return process
        return None

    transformer = await running(world, "transformer")
    found: psutil.Process = await eventually(child, within=40)
    return found


def limited(name: str, which: int, headroom: int) -> Act:
    """The limit lies just above what the service uses now."""

    async def act(world: World) -> None:
        process = psutil.Process((await running(world, name)).pid)
        used = process.num_fds() if which == resource.RLIMIT_NOFILE else process.memory_info().vms
        hard = process.rlimit(which)[1]
        process.rlimit(which, (used + headroom, hard))

    return act


def unlimited(name: str, which: int) -> Act:
    async def act(world: World) -> None:
        process = psutil.Process((await running(world, name)).pid)
        hard = process.rlimit(which)[1]
        process.rlimit(which, (hard, hard))

    return act


def skewed(name: str, seconds: int) -> Act:
    """Starts again with a clock that is wrong."""

    async def act(world: World) -> None:
        process = await running(world, name)
        kept = world.services[name]
        kept.held = True
        try:
            await asyncio.to_thread(process.stop)
            process.start(None, **clock.shifted(world.folder, seconds))
        finally:
            kept.held = False

    return act


def restart(name: str) -> Act:
    """The keeper starts it anew, with the environment it had."""

    async def act(world: World) -> None:
        await asyncio.to_thread((await running(world, name)).stop)

    return act


def faults() -> list[Fault]:
    loader, transformer = frozenset({"notifications"}), frozenset({"transformer"})
    found = [
        Fault("F8", "notifications lost", notified(lose=True), as_ever, 5, loader, ci=True),
        Fault("F8", "notifications doubled", notified(times=2), as_ever, 5, loader),
        Fault("F8", "notifications late", notified(late_seconds=4.0), as_ever, 8, loader),
        Fault("F8", "notifications in another order", notified(shuffle=True), as_ever, 6, loader),
        Fault("F8", "rubbish as notifications", rubbish, nothing, 2, loader, ci=True),
        Fault("F13", "poison of every kind, 10 MB too", poison, nothing, 2, ci=True),
        Fault("F14", "kill dbt in mid-run", kill_dbt, touches=transformer, ci=True),
        Fault("F14", "freeze dbt", freeze_dbt, thaw_dbt, 10, transformer),
    ]
    for name in ("s3-sink", "loader"):
        touches = frozenset({name})
        found += [
            Fault("F16", f"{name}: no file descriptor left",
                  limited(name, resource.RLIMIT_NOFILE, 1), unlimited(name, resource.RLIMIT_NOFILE),
                  6, touches, ci=name == "loader"),
            Fault("F16", f"{name}: no memory left",
                  limited(name, resource.RLIMIT_AS, 8 << 20), unlimited(name, resource.RLIMIT_AS),
                  6, touches),
        ]  # fmt: skip
    for name, hours in (("s3-sink", -1), ("loader", 1), ("transformer", -1), ("generator", -1)):
        found.append(
            Fault("F12", f"{name}: clock {hours:+} h", skewed(name, hours * 3600), restart(name),
                  6, frozenset({name}), clock.unable(), ci=name == "s3-sink")
        )  # fmt: skip
    return found
