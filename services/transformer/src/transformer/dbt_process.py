"""The process that runs dbt: one request a line on stdin, one answer a line on stdout.

It holds the writer's lock, so that the lock dies with the writer; and it dies with its parent
(PR_SET_PDEATHSIG, and end of stdin where that does not exist), so that nobody writes unseen.
Requests: {"verb": name, …}. Answers: {"event": "node", …} while dbt works, then {"ok": …} or
{"error": …, "kind": …}.
"""

import ctypes
import json
import os
import signal
import sys
import threading
from dataclasses import asdict
from typing import Any, TextIO

import psycopg2

from transformer.engine import Build, DbtEngine
from transformer.ledger import File, Ledger, Run
from transformer.parsed_project import ParsedProject
from transformer.publisher import Publisher, TakenOver
from transformer.settings import dbt_folders

PR_SET_PDEATHSIG = 1


class DbtProcess:
    """Answers requests; each verb is a method that returns what is put under "ok"."""

    def __init__(self, worker: str, answers: TextIO) -> None:
        self._answers = answers
        self._one_line_at_a_time = threading.Lock()  # nodes finish in dbt's threads
        self._engine = DbtEngine(lambda: ParsedProject(*dbt_folders()), self._node_finished)
        self._ledger = Ledger(worker)
        self._publisher = Publisher(worker)

    def serve(self, requests: TextIO) -> None:
        for line in requests:
            request = json.loads(line)
            verb = getattr(self, f"verb_{request.pop('verb')}")
            try:
                self._say({"ok": verb(**request)})
            except psycopg2.Error as error:
                self._say({"error": str(error).strip(), "kind": "database", "code": error.pgcode})
            except TakenOver as error:
                self._say({"error": str(error), "kind": "taken_over"})
            except RuntimeError as error:
                self._say({"error": str(error), "kind": "project"})

    def verb_connect(self) -> None:
        self._engine.disconnect()
        self._ledger.connect()
        self._publisher.connect()

    def verb_parse(self) -> dict[str, Any]:
        return {"seconds": self._engine.parse(), "lineage": self._engine.lineage}

    def verb_lock(self, takeover_seconds: float) -> bool:
        return self._ledger.lock(takeover_seconds)

    def verb_create(self) -> dict[str, Any]:
        return _plain(self._engine.create())

    def verb_take(self, max_files: int, max_rows: int) -> dict[str, Any] | None:
        run = self._ledger.take(max_files, max_rows)
        return asdict(run) if run else None

    def verb_build(self, run_id: int) -> dict[str, Any]:
        context = self._ledger.context(run_id)
        self._publisher.begin(self._engine.plan, withdrawing=bool(context.superseded))
        build = self._engine.increment(asdict(context))
        if not build.ok:
            self._publisher.abandon()
        self._ledger.record(run_id, build)
        return _plain(build)

    def verb_full_refresh(self) -> dict[str, Any]:
        return _plain(self._engine.full_refresh())

    def verb_suspects(self, failing_sql: str) -> list[int]:
        return self._ledger.suspects(failing_sql)

    def verb_narrow(self, run_id: int, keep: list[int]) -> None:
        self._ledger.narrow(run_id, keep)

    def verb_hold(self, run_id: int, files: list[int], reason: str) -> int:
        return self._ledger.hold(run_id, files, reason)

    def verb_close_run(self, run_id: int, state: str) -> None:
        self._ledger.close_run(run_id, state)

    def verb_prepare(self, run: dict[str, Any], invocation_id: str) -> dict[str, Any]:
        files = tuple(File(**file) for file in run["files"])
        claimed = Run(run["run_id"], run["attempt"], files)
        return asdict(self._publisher.prepare(claimed, invocation_id))

    def verb_commit(self, rows_new: int) -> None:
        self._publisher.commit()
        self._ledger.published(rows_new)

    def _node_finished(self, node: str, status: str) -> None:
        self._say({"event": "node", "node": node, "status": status})
        if status == "success":
            self._publisher.filled(node)

    def _say(self, answer: dict[str, Any]) -> None:
        line = json.dumps(answer, default=str) + "\n"
        with self._one_line_at_a_time:
            self._answers.write(line)
            self._answers.flush()


def _plain(build: Build) -> dict[str, Any]:
    return asdict(build)


def _die_with_parent(parent: int) -> None:
    if sys.platform == "linux":
        ctypes.CDLL(None).prctl(PR_SET_PDEATHSIG, signal.SIGKILL)
    if os.getppid() != parent:
        sys.exit("the parent is gone")


def main(worker: str, parent: int) -> None:
    _die_with_parent(parent)
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    # whatever dbt or a library prints goes to stderr: stdout carries answers only
    answers = os.fdopen(os.dup(1), "w")
    os.dup2(2, 1)
    DbtProcess(worker, answers).serve(sys.stdin)


if __name__ == "__main__":
    main(sys.argv[1], int(sys.argv[2]))
