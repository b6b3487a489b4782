"""What the supervisor needs to know about a server."""

from typing import Protocol

from salespipe.embedded.child import Command


class Server(Protocol):
    """A server out of a package: prepared once, started, asked whether it answers."""

    name: str
    title: str
    version: str

    @property
    def port(self) -> int: ...

    def prepare(self) -> None:
        """Write configuration and data folders; blocking, idempotent, before every start."""

    def command(self) -> Command: ...

    async def answers(self) -> bool:
        """Whether it does its work now; never raises for a server that is not there yet."""
