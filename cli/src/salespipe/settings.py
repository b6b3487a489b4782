"""What the command line reads from the environment; the only module of cli/ that does."""

import os
from pathlib import Path

from pydantic import Field, SecretStr
from pydantic_settings import SettingsConfigDict

from pipeline.settings import Settings

DEFAULT_PORTS = {"kafka": 19092, "s3": 19000, "pg": 15432}
_PREFIXES = {
    "generator": "GENERATOR_",
    "s3-sink": "SINK_",
    "loader": "LOADER_",
    "transformer": "TRANSFORMER_",
}
_PROJECT_MARK = Path("kafka/topics.yaml")


class CliSettings(Settings):
    """SALESPIPE_*: where the stack's state is, and the ports a person chose."""

    model_config = SettingsConfigDict(
        env_prefix="SALESPIPE_", frozen=True, extra="ignore", env_ignore_empty=True
    )

    state: Path | None = None
    project: Path | None = None
    kafka_port: int | None = Field(None, ge=1, le=65535)
    s3_port: int | None = Field(None, ge=1, le=65535)
    pg_port: int | None = Field(None, ge=1, le=65535)
    # where each service answers, for a stack that has no state folder (containers):
    # "generator=http://generator:8080,loader=http://loader:8080"
    services: str = ""
    # who the verbs are, where a stack has no state folder
    operator_password: SecretStr | None = None
    bi_reader_password: SecretStr | None = None
    superuser_password: SecretStr | None = None
    api_token: SecretStr | None = None

    def port_of(self, name: str) -> int | None:
        """The port somebody set by hand for kafka, s3 or pg."""
        chosen: int | None = getattr(self, f"{name}_port")
        return chosen


def state_folder(chosen: Path | None = None) -> Path:
    """The stack's folder: as given, else SALESPIPE_STATE, else the nearest .salespipe upwards."""
    folder = chosen or CliSettings.load().state
    if folder:
        return folder.expanduser().resolve()
    here = Path.cwd()
    for parent in (here, *here.parents):
        if (parent / ".salespipe" / "state.json").exists():
            return parent / ".salespipe"
    return here / ".salespipe"


def project_root() -> Path:
    """The folder that holds kafka/topics.yaml and postgres/migrations."""
    chosen = CliSettings.load().project
    if chosen:
        return chosen
    for parent in Path(__file__).resolve().parents:
        if (parent / _PROJECT_MARK).exists():
            return parent
    return Path.cwd()


def plain_environment() -> dict[str, str]:
    """The environment that a child process may inherit: nothing that names a stack."""
    ours = ("KAFKA_", "AWS_", "S3_", "PG", "TOPIC_", "HTTP_", "API_TOKEN", "SALESPIPE_")
    return {
        name: value
        for name, value in os.environ.items()  # noqa: TID251
        if not name.startswith((*ours, *_PREFIXES.values()))
    }


def service_environment(service: str) -> dict[str, str]:
    """The settings of one service that a person put into the environment of `up`."""
    prefix = _PREFIXES[service]
    return {
        name: value
        for name, value in os.environ.items()  # noqa: TID251
        if name.startswith(prefix)
    }


def names_a_stack() -> bool:
    """Whether the environment itself says where a stack is (as in a container)."""
    return any(name in os.environ for name in ("KAFKA_BOOTSTRAP_SERVERS", "PGHOST"))  # noqa: TID251


def cache_folder() -> Path:
    """Where this user keeps what can be fetched again."""
    chosen = os.environ.get("XDG_CACHE_HOME")  # noqa: TID251
    return (Path(chosen) if chosen else Path.home() / ".cache") / "salespipe"
