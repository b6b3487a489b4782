"""salespipe verify."""

import asyncio
import json
import sys
import time
from typing import Annotated

import typer


def register(app: typer.Typer) -> None:
    app.command()(verify)


def verify(
    batch: Annotated[str, typer.Option(help="compare only manifests of these batches")] = "*",
    wait: Annotated[float, typer.Option(min=0, help="seconds to let events in flight land")] = 90,
    output: Annotated[str, typer.Option("-o", "--output", help="text or json")] = "text",
) -> None:
    """Prove that every event is in the marts exactly once; exit 1 and name where if not."""
    from pipeline.errors import Transient
    from pipeline.settings import TopicSettings
    from salespipe import state
    from salespipe.errors import Code, SalespipeError
    from salespipe.verify import report
    from salespipe.verify.collect import Ends, Progress, collect
    from salespipe.verify.proof import prove

    stack = state.load()
    ends = Ends(
        stack.kafka(), stack.s3("operator"), stack.postgres("operator"), TopicSettings.load()
    )
    started = time.monotonic()

    def show(progress: Progress) -> None:
        if sys.stderr.isatty() and not progress.done:
            text = f"waiting for {progress.in_flight:,} events, {progress.untransformed:,} files"
            print(f"\r{text} · {time.monotonic() - started:.0f} s ", end="", file=sys.stderr)

    try:
        evidence = asyncio.run(collect(ends, wait=wait, on_progress=show))
    except Transient as error:
        raise SalespipeError(
            Code.UNREACHABLE,
            f"{error.dependency or 'a server'} cannot be reached: {error}",
            fix="see what is down: salespipe status",
        ) from error
    if sys.stderr.isatty():
        print("\r\033[K", end="", file=sys.stderr)
    proof, seconds = prove(evidence, batch), time.monotonic() - started
    shown = json.dumps(report.as_json(proof, seconds), ensure_ascii=False)
    print(shown if output == "json" else report.as_text(proof, seconds))
    raise typer.Exit(0 if proof.ok else 1)
