"""Objects waiting to be loaded, each once, however many hints name it."""

import asyncio
from collections import deque
from collections.abc import Callable
from dataclasses import dataclass, field

from loader.found import Found

Done = Callable[[], None]


@dataclass
class Entry:
    found: Found
    done: list[Done] = field(default_factory=list)
    again: "Entry | None" = None  # a hint that came while this one was being worked on


class LoadQueue:
    """Events before what the reconciler finds; one key is never worked on twice at a time.

    A hint for a waiting key joins it; a hint for a key in work waits behind it, because it may
    speak of a newer object.
    """

    def __init__(self, room: int = 2000) -> None:
        self._room = room
        self._events: deque[Entry] = deque()
        self._others: deque[Entry] = deque()
        self._waiting: dict[str, Entry] = {}
        self._working: dict[str, Entry] = {}
        self._some = asyncio.Event()
        self._less = asyncio.Event()
        self._closed = False

    def __len__(self) -> int:
        return len(self._waiting) + len(self._working)

    @property
    def full(self) -> bool:
        return len(self) >= self._room

    async def room(self) -> None:
        """Wait until the queue is not full."""
        while self.full:
            self._less.clear()
            await self._less.wait()

    def holds(self, key: str) -> bool:
        return key in self._waiting or key in self._working

    def offer(self, found: Found, done: Done | None = None) -> None:
        """done is called once, when a verdict on the object stands."""
        calls = [] if done is None else [done]
        working = self._working.get(found.key)
        if found.key in self._waiting:
            self._waiting[found.key].done += calls
        elif working is not None:
            if working.again is None:
                working.again = Entry(found)
            working.again.done += calls
        else:
            self._append(Entry(found, calls))

    async def take(self, timeout: float) -> Entry | None:
        """The next entry, None when none came in time or the queue is closed."""
        try:
            async with asyncio.timeout(timeout):
                while not self._waiting:
                    if self._closed:
                        return None
                    self._some.clear()
                    await self._some.wait()
        except TimeoutError:
            return None
        return self.next()

    def next(self) -> Entry | None:
        """The next entry, None where there is none now."""
        if not self._waiting:
            return None
        entry = (self._events or self._others).popleft()
        del self._waiting[entry.found.key]
        self._working[entry.found.key] = entry
        return entry

    def close(self) -> None:
        """Nobody waits for an entry any more."""
        self._closed = True
        self._some.set()

    def finish(self, entry: Entry) -> None:
        """A verdict stands: everybody who asked may acknowledge."""
        del self._working[entry.found.key]
        for done in entry.done:
            done()
        if entry.again is not None:
            self._append(entry.again)
        self._less.set()

    def put_back(self, entry: Entry) -> None:
        """No verdict yet: to the end of the queue, nothing acknowledged."""
        del self._working[entry.found.key]
        if entry.again is not None:
            entry.done += entry.again.done
            entry.again = None
        self._append(entry)

    def _append(self, entry: Entry) -> None:
        (self._events if entry.found.source == "event" else self._others).append(entry)
        self._waiting[entry.found.key] = entry
        self._some.set()
