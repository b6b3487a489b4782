"""salespipe scale: what it understands, and the instances that follow."""

import pytest

from salespipe.embedded.plan import Plan
from salespipe.errors import SalespipeError
from salespipe.scale import parse
from salespipe.state import Process


def test_a_count_is_read() -> None:
    assert parse("s3-sink=2") == ("s3-sink", 2)


@pytest.mark.parametrize("text", ["s3-sink", "s3-sink=", "s3-sink=-1", "s3-sink=99", "kafka=2"])
def test_what_is_no_count_of_a_service_is_refused(text: str) -> None:
    with pytest.raises(SalespipeError):
        parse(text)


def test_the_first_instance_has_the_services_name() -> None:
    names = Plan(instances={"generator": 1, "s3-sink": 2, "loader": 0, "transformer": 1}).names()
    assert names == ["generator", "s3-sink", "s3-sink-2", "transformer"]
    assert [Process(name).service for name in names] == [
        "generator",
        "s3-sink",
        "s3-sink",
        "transformer",
    ]
