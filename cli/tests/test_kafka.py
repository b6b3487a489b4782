"""The broker's configuration, as it is written."""

from pathlib import Path

from salespipe.embedded.kafka import Kafka


def test_what_a_plan_sets_wins_over_the_usual(tmp_path: Path) -> None:
    (tmp_path / "data").mkdir()
    (tmp_path / "data" / "meta.properties").touch()  # formatted
    listeners = "PLAINTEXT://127.0.0.1:1,LOADER://127.0.0.1:3"
    broker = Kafka(tmp_path, {"kafka": 1, "controller": 2}, {"listeners": listeners})
    broker.prepare()
    lines = (tmp_path / "server.properties").read_text().splitlines()
    # of two lines with one name Java takes the last
    assert dict(line.split("=", 1) for line in lines)["listeners"] == listeners
