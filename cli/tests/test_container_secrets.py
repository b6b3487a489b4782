"""Secrets of a stack in containers: made once, kept, each container handed its own."""

import json
from pathlib import Path

from salespipe import container_secrets
from salespipe.container_secrets import KAFKA_USERS, complete, handed


def test_a_second_start_makes_nothing_new(tmp_path: Path) -> None:
    made = container_secrets.write(tmp_path)
    first = (tmp_path / "credentials.json").read_text()
    assert made == len({v for group in json.loads(first).values() for v in group.values()})
    assert container_secrets.write(tmp_path) == 0
    assert (tmp_path / "credentials.json").read_text() == first


def test_an_older_volume_gets_what_is_new_and_keeps_what_it_has() -> None:
    old = complete({})
    del old["kafka"]["minio"], old["grafana"]
    new = complete(old)
    assert new["kafka"] | old["kafka"] == new["kafka"]
    assert new["kafka"]["minio"]
    assert new["grafana"]["admin"]


def test_only_its_user_reads_the_file_that_holds_everything(tmp_path: Path) -> None:
    container_secrets.write(tmp_path)
    assert (tmp_path / "credentials.json").stat().st_mode & 0o777 == 0o600
    # a server runs as a user of its own, and its container sees this one folder
    assert (tmp_path / "kafka" / "jaas.conf").stat().st_mode & 0o777 == 0o444


def test_a_container_is_handed_nobody_elses_secret() -> None:
    credentials = complete({})
    texts = {name: " ".join(files.values()) for name, files in handed(credentials).items()}
    kafka, postgres, s3 = (credentials[group] for group in ("kafka", "postgres", "s3"))
    for user in KAFKA_USERS:
        holders = {name for name, text in texts.items() if kafka[user] in text}
        assert holders == {"setup-kafka", "cli" if user == "operator" else user}
    assert {n for n, text in texts.items() if kafka["admin"] in text} == {"kafka", "setup-kafka"}
    assert {n for n, text in texts.items() if s3["root"] in text} == {"minio", "setup-store"}
    superuser = postgres["postgres"]
    assert {n for n, text in texts.items() if superuser in text} == {"postgres", "setup-warehouse"}


def test_a_cluster_id_is_none_that_a_tool_takes_for_an_option() -> None:
    assert all(not container_secrets._cluster_id().startswith("-") for _ in range(500))
