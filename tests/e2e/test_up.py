"""`salespipe up` as a stranger runs it: nothing there before, all four services, real sales."""

import json
import time

import pytest

from salespipe.embedded.plan import Plan
from support.cli import cli_on_own_folder

pytestmark = pytest.mark.servers


def test_up_shows_sales_and_proves_them_and_down_leaves_no_process() -> None:
    with cli_on_own_folder(Plan()) as cli:
        began = time.monotonic()
        said = cli.up()
        first = time.monotonic() - began
        assert first < 180, said
        assert "first sale    in marts.fct_sales" in said
        assert "salespipe verify" in said

        proof = cli.run("verify", "-o", "json")
        assert proof.returncode == 0, proof.stdout + proof.stderr
        found = json.loads(proof.stdout)
        assert found["produced"] == found["loaded"] > 50_000
        assert found["in_flight"] == 0
        assert found["batches"]["checked"] >= 48  # one more where the hour has just ended
        assert found["batches"]["without_manifest"] == []

        status = cli.run("status")
        assert status.returncode == 0, status.stdout
        sentence, identity, *_ = status.stdout.splitlines()
        assert sentence.startswith("PIPELINE healthy · newest sale visible ")
        assert identity.startswith(f"produced {found['produced']:,} = {found['loaded']:,} loaded")

        began = time.monotonic()
        assert "already running" in cli.up()
        assert time.monotonic() - began < 30
        assert cli.run("down").returncode == 0
        assert cli.processes() == []
        print(f"first start {first:.1f} s, {found['produced']:,} events")

        began = time.monotonic()
        cli.up()
        again = time.monotonic() - began
        assert again < 30
        proof = cli.run("verify", "-o", "json")
        later = json.loads(proof.stdout)
        new_batches = later["batches"]["checked"] - found["batches"]["checked"]
        assert (later["produced"] > found["produced"]) == (new_batches > 0), "a batch came twice"
        print(f"second start {again:.1f} s")
