"""salespipe status."""

import asyncio
import json
import shutil
import time
from collections.abc import Callable
from typing import Annotated

import typer

REFRESH_SECONDS = 2.0


def register(app: typer.Typer) -> None:
    app.command()(status)


def status(
    watch: Annotated[bool, typer.Option("--watch", help="refresh until interrupted")] = False,
    output: Annotated[str, typer.Option("-o", "--output", help="text or json")] = "text",
) -> None:
    """Say whether the pipeline is healthy and where it stands; exit 0, 1 degraded, 2 down."""
    from pipeline.settings import TopicSettings
    from salespipe import state
    from salespipe.status import screen
    from salespipe.status.gather import gather
    from salespipe.status.judgement import Judgement, judge
    from salespipe.status.observation import Observation

    topics = TopicSettings.load()

    def look() -> tuple[Observation, Judgement]:
        seen = asyncio.run(gather(state.load(), topics))
        return seen, judge(seen)

    def shown(seen: Observation, judgement: Judgement) -> str:
        if output == "json":
            return json.dumps(screen.as_json(seen, judgement), ensure_ascii=False)
        return "\n".join(screen.as_lines(seen, judgement, shutil.get_terminal_size().columns))

    if watch:
        _watch(lambda: shown(*look()))
        return
    seen, judgement = look()
    print(shown(seen, judgement))
    raise typer.Exit(judgement.state)


def _watch(look: Callable[[], str]) -> None:
    """One screen that refreshes itself; Ctrl-C ends it."""
    from rich.live import Live
    from rich.text import Text

    try:
        with Live(Text(look()), screen=False, auto_refresh=False) as live:
            while True:
                time.sleep(REFRESH_SECONDS)
                live.update(Text(look()), refresh=True)
    except KeyboardInterrupt:
        return
