"""Settings from the environment, read once at start, every problem reported at once.

Each setting NAME may also be given as a file, NAME_FILE: that is how secrets come. A name with a
service's prefix that no setting has is a problem too, because a misspelt setting is a silent one.
"""

import difflib
import os
import re
import ssl
from collections.abc import Mapping
from pathlib import Path
from typing import Annotated, Any, ClassVar, Self

from pydantic import AfterValidator, Field, SecretStr, ValidationError, model_validator
from pydantic.fields import FieldInfo
from pydantic_settings import BaseSettings, PydanticBaseSettingsSource, SettingsConfigDict

from pipeline.contracts import topics
from pipeline.errors import SettingsError


class _Files(PydanticBaseSettingsSource):
    """NAME_FILE: the value is the file's text, without the line's end."""

    def get_field_value(self, field: FieldInfo, field_name: str) -> tuple[Any, str, bool]:
        path = os.environ.get(_variable(self.settings_cls, field_name) + "_FILE")  # noqa: TID251
        return (Path(path).read_text().rstrip("\r\n") if path else None), field_name, False

    def __call__(self) -> dict[str, Any]:
        """What can be read; unreadable() tells the rest."""
        return self._read()[0]

    def unreadable(self) -> dict[str, str]:
        """The problem of each variable whose file cannot be read."""
        return self._read()[1]

    def _read(self) -> tuple[dict[str, Any], dict[str, str]]:
        found, problems = {}, {}
        for name, field in self.settings_cls.model_fields.items():
            variable = _variable(self.settings_cls, name)
            try:
                value = self.get_field_value(field, name)[0]
            except OSError as error:
                problems[variable] = f"{variable}_FILE: {error}"
            except UnicodeDecodeError:
                problems[variable] = f"{variable}_FILE: the file is no text"
            else:
                if value is not None:
                    found[name] = value
        return found, problems


class Settings(BaseSettings):
    """Base of every settings class: frozen, from the environment and files only."""

    model_config = SettingsConfigDict(frozen=True, extra="ignore", env_ignore_empty=True)
    # a class with env_prefix owns that prefix: unknown names under it are refused
    strict_prefix: ClassVar[bool] = True

    @classmethod
    def settings_customise_sources(
        cls,
        settings_cls: type[BaseSettings],
        init_settings: PydanticBaseSettingsSource,
        env_settings: PydanticBaseSettingsSource,
        dotenv_settings: PydanticBaseSettingsSource,
        file_secret_settings: PydanticBaseSettingsSource,
    ) -> tuple[PydanticBaseSettingsSource, ...]:
        return init_settings, env_settings, _Files(settings_cls)

    @classmethod
    def variables(cls) -> tuple[str, ...]:
        """The environment variables this class reads, in order."""
        return tuple(_variable(cls, name) for name in cls.model_fields)

    @classmethod
    def load(cls) -> Self:
        """Read the environment; SettingsError lists every problem."""
        unreadable = _Files(cls).unreadable()
        problems = [*_unknown(cls, os.environ), *unreadable.values()]  # noqa: TID251
        try:
            settings = cls()
        except ValidationError as error:
            details = [dict(detail) for detail in error.errors()]
            problems += [
                _problem(cls, d) for d in details if _variable_of(cls, d) not in unreadable
            ]
        if problems:
            raise SettingsError(tuple(problems))
        return settings


def _readable_certificates(path: str) -> str:
    try:
        ssl.create_default_context(cafile=path)
    except OSError as error:
        raise ValueError(f"no file of certificates in PEM form: {error}") from error
    return path


def _addresses(servers: str) -> str:
    for server in servers.split(","):
        if not re.fullmatch(r"\s*[^\s:]+:\d{1,5}\s*|\s*\[[0-9a-fA-F:]+\]:\d{1,5}\s*", server):
            raise ValueError(f"{server!r} is not host:port")
    return servers


CertificatesFile = Annotated[str, AfterValidator(_readable_certificates)]


class HttpSettings(Settings):
    http_host: str = "127.0.0.1"
    http_port: int = Field(8080, ge=0, le=65535)
    api_token: SecretStr | None = None
    drain_seconds: float = Field(20, gt=0)
    log_level: str = Field("INFO", pattern="^(DEBUG|INFO|WARNING|ERROR)$")


class KafkaSettings(Settings):
    kafka_bootstrap_servers: Annotated[str, AfterValidator(_addresses)] = "127.0.0.1:19092"
    kafka_security_protocol: str = Field(
        "PLAINTEXT", pattern="^(PLAINTEXT|SSL|SASL_PLAINTEXT|SASL_SSL)$"
    )
    kafka_sasl_mechanism: str = Field(
        "SCRAM-SHA-512", pattern="^(PLAIN|SCRAM-SHA-256|SCRAM-SHA-512)$"
    )
    kafka_sasl_username: str | None = None
    kafka_sasl_password: SecretStr | None = None
    kafka_ssl_cafile: CertificatesFile | None = None

    @model_validator(mode="after")
    def _complete(self) -> Self:
        credentials = (self.kafka_sasl_username, self.kafka_sasl_password)
        if self.kafka_security_protocol.startswith("SASL") and None in credentials:
            raise ValueError(
                f"KAFKA_SECURITY_PROTOCOL={self.kafka_security_protocol} needs"
                " KAFKA_SASL_USERNAME and KAFKA_SASL_PASSWORD"
            )
        return self


class S3Settings(Settings):
    aws_access_key_id: str | None = None
    aws_secret_access_key: SecretStr | None = None
    aws_session_token: SecretStr | None = None
    aws_region: str = "us-east-1"
    s3_endpoint_url: str | None = None
    s3_bucket: str = "sales-batch-data"
    s3_ca_file: CertificatesFile | None = None

    @model_validator(mode="after")
    def _complete(self) -> Self:
        if (self.aws_access_key_id is None) != (self.aws_secret_access_key is None):
            raise ValueError(
                "AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY go together: set both, or neither"
                " for the machine's own role"
            )
        return self


class PostgresSettings(Settings):
    pghost: str = "127.0.0.1"
    pgport: int = Field(15432, ge=1, le=65535)
    pgdatabase: str = "sales"
    pguser: str
    pgpassword: SecretStr | None = None
    pgsslmode: str = Field(
        "prefer", pattern="^(disable|allow|prefer|require|verify-ca|verify-full)$"
    )
    pgsslrootcert: CertificatesFile | None = None


class TopicSettings(Settings):
    topic_events: str = topics.EVENTS
    topic_manifests: str = topics.MANIFESTS
    topic_s3_events: str = topics.S3_EVENTS
    topic_files_loaded: str = topics.FILES_LOADED
    topic_models_built: str = topics.MODELS_BUILT
    topic_dlq: str = topics.DLQ


def load_all(*classes: type[Settings]) -> tuple[Settings, ...]:
    """An instance of each class, or one SettingsError with the problems of all."""
    loaded: list[Settings] = []
    problems: list[str] = []
    for cls in classes:
        try:
            loaded.append(cls.load())
        except SettingsError as error:
            problems += error.problems
    if problems:
        raise SettingsError(tuple(problems))
    return tuple(loaded)


def _variable(cls: type[BaseSettings], field: str) -> str:
    return (cls.model_config.get("env_prefix", "") + field).upper()


def _problem(cls: type[Settings], detail: dict[str, Any]) -> str:
    message = str(detail["msg"]).removeprefix("Value error, ")
    variable = _variable_of(cls, detail)
    if variable is None:  # of several settings: the message names them
        return message
    if detail["type"] == "missing":
        return f"{variable} is not set (nor {variable}_FILE)"
    secret = any(word in variable for word in ("PASSWORD", "SECRET", "TOKEN"))
    given = "" if secret else f" (it is {detail.get('input')!r})"
    return f"{variable}: {message}{given}"


def _variable_of(cls: type[Settings], detail: dict[str, Any]) -> str | None:
    return _variable(cls, str(detail["loc"][0])) if detail["loc"] else None


def _unknown(cls: type[Settings], environment: Mapping[str, str]) -> list[str]:
    prefix = cls.model_config.get("env_prefix", "").upper()
    if not (prefix and cls.strict_prefix):
        return []
    known = cls.variables()
    problems = []
    for name in sorted(environment):
        if (
            name.startswith(prefix)
            and name not in known
            and name.removesuffix("_FILE") not in known
        ):
            near = difflib.get_close_matches(name, known, 1)
            hint = f"; did you mean {near[0]}?" if near else f"; known: {', '.join(known)}"
            problems.append(f"{name} is no setting{hint}")
    return problems
