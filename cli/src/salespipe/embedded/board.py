"""What the supervisor shows: the state folder's state.json, replaced at every change."""

from dataclasses import replace
from pathlib import Path
from typing import Any

from salespipe import state
from salespipe.state import Process, StackState


class Board:
    """The one writer of state.json."""

    def __init__(self, stack: StackState) -> None:
        self.stack = stack

    @property
    def folder(self) -> Path:
        assert self.stack.folder
        return self.stack.folder

    def log(self, name: str) -> Path:
        return self.folder / "logs" / f"{name}.log"

    def phase(self, phase: str, **facts: str) -> None:
        self._put(replace(self.stack, phase=phase, facts=self.stack.facts | facts))

    def fact(self, **facts: str) -> None:
        self._put(replace(self.stack, facts=self.stack.facts | facts))

    def add(self, process: Process) -> None:
        """A process, at the end of the list or in place of the one with its name."""
        names = [known.name for known in self.stack.processes]
        if process.name in names:
            processes = [process if k.name == process.name else k for k in self.stack.processes]
        else:
            processes = [*self.stack.processes, process]
        ports = self.stack.ports
        if process.port and process.service in state.SERVICES:
            ports = ports | {process.name: process.port}
        self._put(replace(self.stack, processes=tuple(processes), ports=ports))

    def change(self, name: str, **changes: Any) -> None:
        process = self.stack.process(name)
        assert process
        self.add(replace(process, **changes))

    def remove(self, name: str) -> None:
        left = tuple(process for process in self.stack.processes if process.name != name)
        self._put(replace(self.stack, processes=left))

    def _put(self, stack: StackState) -> None:
        self.stack = stack
        state.write(stack)
