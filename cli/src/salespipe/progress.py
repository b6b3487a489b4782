"""What `up` shows while it works: a tick a part, and what it waits for.

On a terminal the waiting is one live line; elsewhere a plain line whenever it changes its reason.
"""

import time

from rich.console import Console
from rich.status import Status

_PLAIN_EVERY = 5.0


class Progress:
    """Lines on standard output; nothing at all where a machine reads it."""

    def __init__(self, *, quiet: bool) -> None:
        self._quiet = quiet
        self._console = Console(highlight=False, markup=False, soft_wrap=True)
        self._status: Status | None = None
        self._said = ""
        self._said_at = time.monotonic()

    def say(self, *lines: str) -> None:
        if not self._quiet:
            for line in lines:
                self._console.print(line)

    def done(self, name: str, what: str) -> None:
        self.say(f" ✔ {name:<13} {what}".rstrip())

    def note(self, text: str) -> None:
        self.say(f" · {text}")

    def wait(self, text: str) -> None:
        """Say what is waited for, without a flood."""
        if self._quiet:
            return
        if self._console.is_terminal:
            if self._status is None:
                self._status = self._console.status(text)
                self._status.start()
            self._status.update(text)
        elif text != self._said and time.monotonic() - self._said_at > _PLAIN_EVERY:
            self._said, self._said_at = text, time.monotonic()
            self.say(f" … {text}")

    def close(self) -> None:
        if self._status:
            self._status.stop()
            self._status = None
