"""The stack of compose.yaml as a person starts it: a sale comes through, nothing gets lost whatever
is killed or scaled, nobody can do what is not theirs, and no secret shows.

One stack for all, in the order below, then test_watching.py and test_when_it_goes_down.py; each
test leaves it whole. Attempts run inside the container of the identity that they are about
(tests/docker/attempts).
"""

import json
import os
import signal
from pathlib import Path

import pytest

from support.compose_stack import ComposeStack
from support.eventually import eventually

pytestmark = [pytest.mark.docker, pytest.mark.timeout(600)]

SALES = "day,what,how_many,paid\n2026-11-01,P1,2,20.00\n2026-11-02,P2,1,12.50\n"
SALES_MAP = """\
occurred_at: {column: day, format: "%Y-%m-%d", timezone: UTC}
transaction_id: {template: "{day}-{what}"}
store_id: {const: CORNER}
region: {const: Online}
product_id: what
quantity: how_many
net_amount: paid
"""
SERVICES = ("generator", "s3-sink", "loader", "transformer")


def done(outcomes: dict[str, str]) -> set[str]:
    return {name for name, outcome in outcomes.items() if outcome == "done"}


async def test_a_sale_comes_through_from_empty_volumes(composed: ComposeStack) -> None:
    def sales() -> int:
        answer = composed.cli("sql", "select count(*) as n from marts.fct_sales", "-o", "json")
        return int(json.loads(answer.out)[0]["n"]) if answer.code == 0 else 0

    await eventually(sales, within=120)
    proof = composed.verified()
    assert proof["ok"] is True
    assert int(str(proof["produced"])) > 10_000


async def test_status_says_healthy(composed: ComposeStack) -> None:
    answer = await eventually(
        lambda: (found := composed.cli("status", "-o", "json")).code == 0 and found, within=60
    )
    assert answer.json["state"] == "healthy"


def test_the_dbt_project_was_read_when_its_image_was_built(composed: ComposeStack) -> None:
    assert composed.attempt("transformer", "project")["kept"] != "nothing"


async def test_each_service_killed_comes_back_and_nothing_is_lost(composed: ComposeStack) -> None:
    asked = ("--from", "2026-11-01T10:00Z", "--to", "2026-11-01T14:00Z", "--seed", "7")
    assert composed.cli("gen", *asked).code == 0
    killed = {name: kill(composed, name) for name in SERVICES}
    for name, pid in killed.items():
        await eventually(lambda name=name, pid=pid: back(composed, name, pid), within=120)
    assert composed.verified()["ok"] is True


def kill(composed: ComposeStack, service: str) -> int:
    """As the kernel does it; `docker kill` would be an operator's wish that it stay away."""
    (container,) = composed.containers(service)
    pid: int = container["State"]["Pid"]
    try:
        os.kill(pid, signal.SIGKILL)
    except (PermissionError, ProcessLookupError):  # the engine is not ours, or not on this machine
        composed.must("kill", service)
        composed.must("start", service)
    return pid


def back(composed: ComposeStack, service: str, killed: int) -> bool:
    """Another process runs, and is ready."""
    (container,) = composed.containers(service)
    state = container["State"]
    ready: bool = state["Running"] and state["Health"]["Status"] == "healthy"
    return ready and state["Pid"] != killed


async def test_sink_and_loader_scale_and_share_the_work(composed: ComposeStack) -> None:
    composed.up("--scale", "s3-sink=2", "--scale", "loader=2", "--no-recreate")
    asked = ("--from", "2026-11-02T10:00Z", "--to", "2026-11-02T14:00Z", "--seed", "7")
    assert composed.cli("gen", *asked).code == 0
    assert composed.verified()["ok"] is True
    stages = {
        stage["stage"]: stage["up"] for stage in composed.cli("status", "-o", "json").json["stages"]
    }
    assert (stages["s3-sink"], stages["loader"]) == ("2/2", "2/2")
    composed.up("--no-recreate")
    assert composed.verified()["ok"] is True


def test_a_sales_file_is_imported_once(composed: ComposeStack, tmp_path: Path) -> None:
    tmp_path.chmod(0o755)
    (tmp_path / "sales.csv").write_text(SALES)
    (tmp_path / "map.yaml").write_text(SALES_MAP)
    words = ("import", "/data/sales.csv", "--map", "/data/map.yaml", "-o", "json")
    before = composed.verified()["produced"]
    for _ in range(2):
        answer = composed.run("run", "--rm", "-T", "-v", f"{tmp_path}:/data:ro", *words)
        assert answer.code == 0, answer.err
    assert composed.verified()["produced"] == before + 4
    counted = composed.cli(
        "sql", "select sum(net_amount) as sum from marts.fct_sales where store_id = 'CORNER'",
        "-o", "json",
    )  # fmt: skip
    assert [float(row["sum"]) for row in json.loads(counted.out)] == [32.5]


def test_the_imports_user_writes_events_and_reads_nothing(composed: ComposeStack) -> None:
    outcomes = composed.attempt("import", "kafka")
    assert done(outcomes) == {"write events"}, outcomes
    # it may, but this one has no key, which a compacted topic takes from nobody
    assert "AuthorizationFailed" not in outcomes["write manifests"], outcomes
    assert "AuthorizationFailed" in outcomes["read events"], outcomes
    assert "AuthorizationFailed" in outcomes["read notifications"], outcomes


@pytest.mark.parametrize(
    ("user", "may"),
    [
        ("s3-sink", {"read events"}),
        ("loader", {"read notifications"}),
        ("transformer", set()),
    ],
)
def test_a_user_of_kafka_can_do_its_own_work_and_nothing_else(
    composed: ComposeStack, user: str, may: set[str]
) -> None:
    outcomes = composed.attempt(user, "kafka")
    assert done(outcomes) == may, outcomes
    for name in {"write events", "write notifications", "write manifests"} - may:
        assert "TopicAuthorizationFailed" in outcomes[name], outcomes
    assert "AuthorizationFailed" in outcomes["create a topic"], outcomes
    assert "AuthorizationFailed" in outcomes["delete a topic"], outcomes
    assert "AuthorizationFailed" in outcomes["read with another's group"], outcomes


def test_the_sinks_user_creates_objects_and_can_take_none_away(composed: ComposeStack) -> None:
    outcomes = composed.attempt("s3-sink", "store")
    assert done(outcomes) == {"list", "read"}, outcomes
    assert "PreconditionFailed" in outcomes.pop("create again")
    refused = {name for name, text in outcomes.items() if "AccessDenied" in text or "403" in text}
    assert refused == set(outcomes) - {"list", "read"}, outcomes


def test_the_loaders_user_only_reads_objects(composed: ComposeStack) -> None:
    outcomes = composed.attempt("loader", "store")
    assert done(outcomes) == {"list", "read"}, outcomes
    refused = {name for name, text in outcomes.items() if "AccessDenied" in text or "403" in text}
    assert refused == set(outcomes) - {"list", "read"}, outcomes


@pytest.mark.parametrize(
    ("container", "role", "file", "may"),
    [
        ("loader", "loader", "pg_password", {"write raw", "read the ledger"}),
        (
            "transformer",
            "transformer",
            "pg_password",
            {"read raw", "read the ledger", "read marts", "change marts"},
        ),
        ("cli", "bi_reader", "bi_reader_password", {"read marts"}),
        ("cli", "operator", "operator_password", {"read raw", "read the ledger", "read marts"}),
    ],
)
def test_a_role_of_the_warehouse_can_do_its_own_work_and_nothing_else(
    composed: ComposeStack, container: str, role: str, file: str, may: set[str]
) -> None:
    outcomes = composed.attempt(container, "warehouse", role, f"/run/secrets/{file}")
    assert done(outcomes) == may, outcomes
    assert {text for name, text in outcomes.items() if name not in may} == {
        "InsufficientPrivilegeError"
    }, outcomes


def test_a_container_reaches_what_it_needs_and_nothing_else(composed: ComposeStack) -> None:
    assert done(composed.attempt("generator", "network")) == {"kafka", "prometheus", "loader"}
    assert done(composed.attempt("setup-warehouse", "network")) == {
        "postgres",
        "loader",
    }


def test_a_verb_that_changes_something_wants_the_token(composed: ComposeStack) -> None:
    assert set(composed.attempt("cli", "verbs").values()) == {"HTTP 401"}


def test_prometheus_sees_every_service(composed: ComposeStack) -> None:
    up = composed.attempt("cli", "scraped")
    assert {name: up.get(name) for name in SERVICES} == dict.fromkeys(SERVICES, "1")


def test_no_secret_is_in_a_log_or_in_what_docker_shows(composed: ComposeStack) -> None:
    secrets = composed.attempt("secrets", "credentials")
    assert len(secrets) > 15
    shown = composed.must("logs", "--no-color") + composed.must("config")
    shown += json.dumps(composed.containers())
    assert [name for name, secret in secrets.items() if secret in shown] == []
