"""F6, F7: what networks and stores do to each link between a service and a server."""

import random

from faults.fault import Act, Fault
from faults.link import Weather, http_error
from faults.wiring import LINKED
from faults.world import World

_MBIT = 125_000
_ANSWERS = {
    "503 SlowDown": http_error(503, "Slow Down", "SlowDown"),
    "500": http_error(500, "Internal Server Error", "InternalError"),
    "403": http_error(403, "Forbidden", "AccessDenied"),
    "no bucket": http_error(404, "Not Found", "NoSuchBucket"),
}


def cut(name: str) -> Act:
    async def act(world: World) -> None:
        await world.links[name].refuse()

    return act


def weather(name: str, found: Weather, *, reset: bool = False) -> Act:
    """reset: connections begin anew under it."""

    async def act(world: World) -> None:
        world.links[name].weather = found
        if reset:
            world.links[name].reset()

    return act


def cut_in_the_middle(name: str, way: str) -> Act:
    """Each connection ends by a reset after some bytes, another number each time."""

    async def act(world: World) -> None:
        after = random.randint(500, 60_000)
        world.links[name].weather = Weather(cut_after=after, cut_way=way)

    return act


def heal(name: str) -> Act:
    async def act(world: World) -> None:
        await world.links[name].heal()

    return act


def faults() -> list[Fault]:
    found = []
    for service, servers in LINKED.items():
        for server in servers:
            link = f"{service}-{server}"
            found += _of_link(link, frozenset({service}))
            if server == "s3":
                found += _of_store(link, frozenset({service}))
    return found


def _of_link(link: str, touches: frozenset[str]) -> list[Fault]:
    def of(name: str, inject: Act, seconds: float, *, ci: bool = False) -> Fault:
        return Fault("F6", f"{link}: {name}", inject, heal(link), seconds, touches, ci=ci)

    return [
        of("refused", cut(link), 5),
        of("black hole", weather(link, Weather(silent=True)), 12,
           ci=link in ("s3-sink-s3", "loader-postgres")),
        of("slow and far", weather(link, Weather(latency=0.5, bandwidth=3 * _MBIT)), 8),
        of("reset in what is sent", cut_in_the_middle(link, "out"), 6, ci=link == "s3-sink-kafka"),
        of("reset in what comes back", cut_in_the_middle(link, "back"), 6),
        of("answers are lost", weather(link, Weather(lose_reply=True)), 5,
           ci=link in ("s3-sink-s3", "loader-postgres")),
    ]  # fmt: skip


def _of_store(link: str, touches: frozenset[str]) -> list[Fault]:
    return [
        Fault("F7", f"{link}: {name}", weather(link, Weather(answer=answer), reset=True),
              heal(link), 5, touches, ci=name.startswith("503"))
        for name, answer in _ANSWERS.items()
    ]  # fmt: skip
