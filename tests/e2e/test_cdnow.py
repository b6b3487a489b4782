"""A real purchase log through every stage, twice: equal to the cent in the fact and each mart."""

import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

from support.command_line import import_file, salespipe
from support.pipeline_env import PipelineEnv
from support.service_process import ServiceProcess

pytestmark = pytest.mark.servers

EXAMPLE = Path(__file__).parents[2] / "examples" / "cdnow"
TOTALS = {"events": 69_659, "units": 167_881, "revenue": "2500315.63"}
MARTS = {"mart_sales_by_region", "mart_hourly_sales", "mart_product_performance"}


@pytest.fixture(scope="session")
def purchases() -> Path:
    """The file, fetched as a person would; the test is skipped where no package can be had."""
    fetch = [sys.executable, str(EXAMPLE / "fetch.py")]
    done = subprocess.run(fetch, capture_output=True, text=True, timeout=120, check=False)
    if done.returncode:
        pytest.skip(f"CDNOW_master.txt could not be fetched: {done.stderr.strip()[-300:]}")
    return Path(done.stdout.strip())


def whole(totals: dict[str, object]) -> dict[str, object]:
    """Totals of verify, without the zeros behind an amount."""
    revenue = totals["revenue"]
    assert isinstance(revenue, dict)
    return {
        "events": totals["events"],
        "units": int(float(str(totals["units"]))),
        "revenue": str(revenue["USD"]).rstrip("0"),
    }


def test_the_purchase_log_arrives_to_the_cent_and_a_second_import_adds_nothing(
    pipeline_env: PipelineEnv,
    service: Callable[..., ServiceProcess],
    purchases: Path,
) -> None:
    service("s3-sink", SINK_MAX_AGE_SECONDS="1")
    service("loader")
    service("transformer")
    for times in (1, 2):
        done = import_file(pipeline_env, purchases, EXAMPLE / "map.yaml", "-o", "json")
        assert done.code == 0, done.err
        assert (done.json["events"], done.json["refused"]) == (TOTALS["events"], 0)
        proof = salespipe(pipeline_env, "verify", "-o", "json", "--batch", "import-*")
        assert proof.code == 0, proof.out + proof.err
        found = proof.json
        assert found["produced"] == found["loaded"] == times * 69_659
        assert found["repeats"] == (times - 1) * 69_659
        assert whole(found["fact"]) == TOTALS
        assert set(found["marts"]) == MARTS
        assert all(whole(mart) == TOTALS for mart in found["marts"].values())
        assert found["batches"]["checked"] == 2
