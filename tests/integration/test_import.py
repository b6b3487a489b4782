"""The import against a real Kafka: what lies in the topics afterwards."""

import json
from decimal import Decimal
from pathlib import Path

import pytest

from pipeline.contracts import topics
from pipeline.contracts.messages import BatchManifest
from support.command_line import import_file
from support.pipeline_env import PipelineEnv
from support.topic_contents import contents

pytestmark = pytest.mark.servers

MAP = """
occurred_at: when
store_id: shop
region: {const: North}
product_id: article
quantity: units
net_amount: amount
"""


@pytest.fixture
def sales_map(tmp_path: Path) -> Path:
    path = tmp_path / "map.yaml"
    path.write_text(MAP)
    return path


def sales(folder: Path, count: int, bad: int = 0) -> Path:
    rows = [f"2026-11-23T10:00:{n % 60:02d}Z,S{n % 7},P{n % 5},1,0.10" for n in range(count)]
    rows += ["2026-11-23T10:00:00Z,S1,P1,many,1"] * bad
    path = folder / "sales.csv"
    path.write_text("when,shop,article,units,amount\n" + "\n".join(rows) + "\n")
    return path


async def test_a_file_is_published_with_its_manifest_behind_its_events(
    pipeline_env: PipelineEnv, tmp_path: Path, sales_map: Path
) -> None:
    done = import_file(pipeline_env, sales(tmp_path, 1000), sales_map, "-o", "json")
    assert done.code == 0, done.err
    events = await contents(pipeline_env, topics.EVENTS)
    assert len(events) == 1000
    sent = [
        BatchManifest.from_bytes(r.value) for r in await contents(pipeline_env, topics.MANIFESTS)
    ]
    assert [m.event_count for m in sent] == [1000]
    assert sent[0].quantity_sum == 1000
    assert sent[0].net_amount_sum == {"USD": Decimal("100.00")}
    assert done.json["net_amount"] == {"USD": "100.00"}
    assert {json.loads(r.value)["batch_id"] for r in events} == {sent[0].batch_id}


async def test_a_store_stays_in_one_partition_in_file_order(
    pipeline_env: PipelineEnv, tmp_path: Path, sales_map: Path
) -> None:
    assert import_file(pipeline_env, sales(tmp_path, 500), sales_map).code == 0
    partitions: dict[bytes, set[int]] = {}
    for record in await contents(pipeline_env, topics.EVENTS):
        assert json.loads(record.value)["store_id"] == record.key.decode()
        partitions.setdefault(record.key, set()).add(record.partition)
    assert len(partitions) == 7
    assert all(len(found) == 1 for found in partitions.values())


async def test_a_second_import_sends_the_same_events(
    pipeline_env: PipelineEnv, tmp_path: Path, sales_map: Path
) -> None:
    path = sales(tmp_path, 300)
    for _ in range(2):
        assert import_file(pipeline_env, path, sales_map).code == 0
    values = [record.value for record in await contents(pipeline_env, topics.EVENTS)]
    assert len(values) == 600
    assert len(set(values)) == 300


async def test_refused_rows_are_counted_and_written_and_the_rest_is_sent(
    pipeline_env: PipelineEnv, tmp_path: Path, sales_map: Path
) -> None:
    path, refused = sales(tmp_path, 50, bad=3), tmp_path / "refused.jsonl"
    done = import_file(pipeline_env, path, sales_map, "--refused", str(refused))
    assert done.code == 1
    assert "refused       3 rows" in done.out
    assert "line 52: quantity: 'many' is no number" in done.out
    written = [json.loads(line) for line in refused.read_text().splitlines()]
    assert [row["_line"] for row in written] == [52, 53, 54]
    assert len(await contents(pipeline_env, topics.EVENTS)) == 50
    words = ("--refused", str(refused), "--allow-refused")
    assert import_file(pipeline_env, path, sales_map, *words).code == 0


async def test_a_dry_run_sends_nothing(
    pipeline_env: PipelineEnv, tmp_path: Path, sales_map: Path
) -> None:
    done = import_file(pipeline_env, sales(tmp_path, 20), sales_map, "--dry-run")
    assert done.code == 0
    assert "would publish" in done.out
    assert await contents(pipeline_env, topics.EVENTS) == []


async def test_a_paced_import_sends_the_same_lines_in_the_order_of_time(
    pipeline_env: PipelineEnv, tmp_path: Path, sales_map: Path
) -> None:
    path = tmp_path / "sales.csv"
    rows = [f"2026-11-23T10:00:{n:02d}Z,S1,P1,1,1" for n in (30, 0, 10, 20)]
    path.write_text("when,shop,article,units,amount\n" + "\n".join(rows) + "\n")
    assert import_file(pipeline_env, path, sales_map, "--speed", "60x").code == 0
    paced = [record.value for record in await contents(pipeline_env, topics.EVENTS)]
    assert [json.loads(value)["occurred_at"][17:19] for value in paced] == ["00", "10", "20", "30"]
    assert import_file(pipeline_env, path, sales_map).code == 0
    both = [record.value for record in await contents(pipeline_env, topics.EVENTS)]
    assert len(set(both)) == 4


def test_what_is_wrong_with_a_map_is_told_with_exit_code_2(
    tmp_path: Path, pipeline_env: PipelineEnv
) -> None:
    wrong = tmp_path / "wrong.yaml"
    wrong.write_text("store_id: shop\nprize: x\n")
    done = import_file(pipeline_env, sales(tmp_path, 1), wrong)
    assert done.code == 2
    assert "prize: no such field" in done.err
    assert "Traceback" not in done.err
