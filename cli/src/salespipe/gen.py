"""salespipe gen: ask the generator for the sales of a window, or look at them without sending."""

import json
import subprocess
import sys
from datetime import UTC, datetime, timedelta
from typing import Annotated, Any

import typer


def register(app: typer.Typer) -> None:
    app.command()(gen)


def gen(
    from_: Annotated[
        str | None, typer.Option("--from", help="start of the window, say 2026-11-23T10:00Z")
    ] = None,
    to: Annotated[str | None, typer.Option(help="its end; default: an hour after --from")] = None,
    seed: Annotated[int | None, typer.Option(help="another stream of sales")] = None,
    rate: Annotated[
        int | None, typer.Option(min=1, help="events an hour, on average: another stream")
    ] = None,
    scenario: Annotated[
        str | None, typer.Option(help="say messy or hostile: another stream")
    ] = None,
    dry_run: Annotated[bool, typer.Option("--dry-run", help="count, send nothing")] = False,
    sample: Annotated[int, typer.Option(min=0, help="print N events, send nothing")] = 0,
    output: Annotated[str, typer.Option("-o", "--output", help="text or json")] = "text",
) -> None:
    """Publish the sales of a window; without --from, of the hour that ended last."""
    start, end = window(from_, to, datetime.now(UTC))
    knobs = {"seed": seed, "rate": rate, "scenario": scenario}
    request: dict[str, Any] = {"from": start.isoformat(), "to": end.isoformat()}
    request |= {name: value for name, value in knobs.items() if value is not None}
    if dry_run or sample:
        _preview(request, sample, output)
    answer = _publish(request)
    print(json.dumps(answer) if output == "json" else as_text(answer))


def window(start: str | None, end: str | None, now: datetime) -> tuple[datetime, datetime]:
    """Both ends in UTC; raises typer.BadParameter."""
    begin = _time(start, "--from") if start else _hour(now) - timedelta(hours=1)
    until = _time(end, "--to") if end else begin + timedelta(hours=1)
    if until <= begin:
        raise typer.BadParameter("--to is not after --from")
    return begin, until


def _hour(at: datetime) -> datetime:
    return at.replace(minute=0, second=0, microsecond=0)


def _time(text: str, option: str) -> datetime:
    try:
        at = datetime.fromisoformat(text)
    except ValueError as error:
        raise typer.BadParameter(f"{option}: {text!r} is no ISO 8601 time") from error
    return (at if at.tzinfo else at.replace(tzinfo=UTC)).astimezone(UTC)


def _preview(request: dict[str, Any], sample: int, output: str) -> None:
    """The same function of (seed, hour), run here: it needs no server."""
    words = [f"--{name}={value}" for name, value in request.items()]
    words += [f"--sample={sample}"] if sample else []
    words += ["-o", output]
    command = [sys.executable, "-m", "generator.preview", *words]
    raise typer.Exit(subprocess.run(command, check=False).returncode)


def _publish(request: dict[str, Any]) -> Any:
    import httpx

    from salespipe import state
    from salespipe.errors import Code, SalespipeError

    stack = state.load()
    instances = stack.instances("generator")
    if not instances:
        raise SalespipeError(Code.UNREACHABLE, "no generator runs here", fix="salespipe status")
    headers = {"Authorization": f"Bearer {stack.token}"} if stack.token else {}
    try:
        for instance in instances:
            url = f"{instance.url}/v1/batches"
            answer = httpx.post(url, json=request, headers=headers, timeout=600)
            if answer.status_code != httpx.codes.SERVICE_UNAVAILABLE:
                break  # else it stands by, or has no Kafka: another may publish
    except httpx.HTTPError as error:
        fix = "see what is down: salespipe status"
        raise SalespipeError(Code.UNREACHABLE, f"generator: {error}", fix=fix) from error
    if answer.is_error:
        detail = answer.json().get("detail", answer.text) if _is_json(answer) else answer.text
        raise SalespipeError(Code.REFUSED_BY_SERVICE, f"generator: {detail}")
    return answer.json()


def _is_json(answer: Any) -> bool:
    return bool(answer.headers.get("content-type", "").startswith("application/json"))


def as_text(answer: Any) -> str:
    """A line a batch."""
    batches = answer.get("batches", [answer]) if isinstance(answer, dict) else answer
    lines = []
    for batch in batches:
        facts = [f"{name} {value}" for name, value in batch.items() if name != "batch_id"]
        lines.append(f"{batch.get('batch_id', 'batch')}: {', '.join(facts)}")
    return "\n".join(lines)
