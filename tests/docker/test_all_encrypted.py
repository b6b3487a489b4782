"""The stack with compose.tls.yaml, as far as sales go. It is gone before the other one starts."""

import json
from collections.abc import Iterator

import pytest

from support import compose_stack
from support.compose_stack import ComposeStack
from support.eventually import eventually

pytestmark = [pytest.mark.docker, pytest.mark.timeout(300)]


@pytest.fixture(scope="module")
def encrypted() -> Iterator[ComposeStack]:
    reason = compose_stack.missing()
    if reason:
        pytest.skip(reason)
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("COMPOSE_PROJECT_NAME", "salespipe-tls-test")
        services = ("generator", "s3-sink", "loader", "transformer")
        with compose_stack.compose_stack("compose.tls.yaml", services=services) as stack:
            yield stack


async def test_the_first_sale_arrives_over_tls(encrypted: ComposeStack) -> None:
    def sales() -> int:
        answer = encrypted.cli("sql", "select count(*) as n from marts.fct_sales", "-o", "json")
        return int(json.loads(answer.out)[0]["n"]) if answer.code == 0 else 0

    await eventually(sales, within=120)
    assert encrypted.verified()["ok"] is True


def test_plain_text_is_refused_and_so_is_another_authority(encrypted: ComposeStack) -> None:
    outcomes = encrypted.attempt("cli", "plain")
    assert {name for name, outcome in outcomes.items() if outcome == "done"} == {
        "Kafka by TLS", "store by TLS", "warehouse by TLS",
    }, outcomes  # fmt: skip
