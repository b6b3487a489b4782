"""What the environment may say, and what the dbt process is told."""

from pathlib import Path

import pytest
from pydantic import SecretStr

from pipeline.errors import SettingsError
from pipeline.settings import PostgresSettings
from transformer.settings import TransformerSettings, application_name, dbt_environment


def test_defaults_find_the_project_beside_the_sources() -> None:
    assert (TransformerSettings().project_dir / "dbt_project.yml").is_file()


def test_every_wrong_setting_is_named_at_once(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("TRANSFORMER_THREADS", "0")
    monkeypatch.setenv("TRANSFORMER_LOOK_SECOND", "1")
    with pytest.raises(SettingsError) as refused:
        TransformerSettings.load()
    problems = "\n".join(refused.value.problems)
    assert "TRANSFORMER_THREADS" in problems
    assert "did you mean TRANSFORMER_LOOK_SECONDS" in problems


def test_dbt_is_told_who_it_is_and_never_where_to_crash(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setenv("CRASH_AT", "transformer.claimed")
    postgres = PostgresSettings(pguser="transformer", pgpassword=SecretStr("secret"), pgport=5432)
    settings = TransformerSettings(project_dir=Path("/project"), threads=2)
    env = dbt_environment(postgres, settings, "w1", "/target")
    assert (env["PGPASSWORD"], env["PGPORT"], env["TRANSFORMER_THREADS"]) == ("secret", "5432", "2")
    assert env["TRANSFORMER_WORKER"] == "w1"
    assert env["TRANSFORMER_APPLICATION"] == application_name("w1") == "transformer-w1"
    assert (env["DBT_TARGET_PATH"], env["DBT_PROFILES_DIR"]) == ("/target", "/project")
    assert env["CRASH_AT"] == ""
