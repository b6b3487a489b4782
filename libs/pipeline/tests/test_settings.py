"""Settings are read once, and everything that is wrong with them is said at once."""

import ssl
from pathlib import Path

import pytest
from pydantic import Field, SecretStr
from pydantic_settings import SettingsConfigDict

from pipeline.errors import SettingsError
from pipeline.settings import (
    HttpSettings,
    KafkaSettings,
    PostgresSettings,
    S3Settings,
    Settings,
    TopicSettings,
    load_all,
)


class ShopSettings(Settings):
    model_config = SettingsConfigDict(env_prefix="SHOP_")

    opens_at: int = Field(8, ge=0, lt=24)
    max_customers: int = 100
    till_password: SecretStr | None = None
    owner: str = "nobody"


@pytest.fixture(autouse=True)
def _empty_environment(monkeypatch: pytest.MonkeyPatch) -> None:
    for cls in (ShopSettings, HttpSettings, KafkaSettings, S3Settings, PostgresSettings):
        for variable in cls.variables():
            monkeypatch.delenv(variable, raising=False)
            monkeypatch.delenv(f"{variable}_FILE", raising=False)


def problems(*classes: type[Settings]) -> tuple[str, ...]:
    with pytest.raises(SettingsError) as error:
        load_all(*classes)
    return error.value.problems


def test_every_problem_of_every_class_is_reported_at_once(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("SHOP_OPENS_AT", "25")
    monkeypatch.setenv("SHOP_MAX_CUSTOMERS", "many")
    monkeypatch.setenv("SHOP_MAX_CUSTOMER", "5")
    monkeypatch.setenv("SHOP_OWNER_FILE", "/no/such/file")
    monkeypatch.setenv("HTTP_PORT", "70000")
    found = problems(HttpSettings, ShopSettings, PostgresSettings)
    assert [text.split(" ")[0].rstrip(":") for text in found] == [
        "HTTP_PORT", "SHOP_MAX_CUSTOMER", "SHOP_OWNER_FILE", "SHOP_OPENS_AT",
        "SHOP_MAX_CUSTOMERS", "PGUSER",
    ]  # fmt: skip
    assert "(it is '25')" in found[3]
    assert found[-1] == "PGUSER is not set (nor PGUSER_FILE)"


def test_an_unknown_name_is_refused_with_the_nearest_one(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("SHOP_OPEN_AT", "9")
    assert problems(ShopSettings) == (
        "SHOP_OPEN_AT is no setting; did you mean SHOP_OPENS_AT?",
    )  # fmt: skip


def test_an_unknown_name_like_no_other_gets_the_list(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("SHOP_ZZ", "9")
    (problem,) = problems(ShopSettings)
    assert all(variable in problem for variable in ShopSettings.variables())


def test_a_secret_comes_from_a_file(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    secret = tmp_path / "till"
    secret.write_text("open sesame \r\n")
    monkeypatch.setenv("SHOP_TILL_PASSWORD_FILE", str(secret))
    password = ShopSettings.load().till_password
    assert password is not None
    assert password.get_secret_value() == "open sesame "


def test_a_file_that_is_no_text_is_a_problem(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    (tmp_path / "user").write_bytes(b"\xff\xfe")
    monkeypatch.setenv("PGUSER_FILE", str(tmp_path / "user"))
    assert problems(PostgresSettings) == ("PGUSER_FILE: the file is no text",)


def test_no_secret_is_in_a_message_or_a_representation(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", "hunter2")
    monkeypatch.setenv("KAFKA_SASL_PASSWORD", "hunter2")
    monkeypatch.setenv("KAFKA_SECURITY_PROTOCOL", "SASL_SSL")
    monkeypatch.setenv("PGPASSWORD", "hunter2")
    monkeypatch.setenv("PGPORT", "none")
    found = problems(S3Settings, KafkaSettings, PostgresSettings)
    assert len(found) == 4  # two pairs are incomplete, PGPORT is no number, PGUSER is missing
    assert "hunter2" not in "".join(found)
    monkeypatch.setenv("SHOP_TILL_PASSWORD", "hunter2")
    assert "hunter2" not in repr(ShopSettings.load())


def test_what_belongs_together_is_asked_for_by_name(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("AWS_ACCESS_KEY_ID", "me")
    monkeypatch.setenv("KAFKA_SECURITY_PROTOCOL", "SASL_PLAINTEXT")
    keys, sasl = problems(S3Settings, KafkaSettings)
    assert keys.startswith("AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY go together")
    assert sasl.endswith("needs KAFKA_SASL_USERNAME and KAFKA_SASL_PASSWORD")


@pytest.mark.parametrize(
    ("servers", "right"),
    [
        ("a:9092", True),
        ("a:9092, b.example:19092", True),
        ("[::1]:9092", True),
        ("a", False),
        ("a:b", False),
        ("a:9092,", False),
        ("http://a:9092", False),
    ],
)
def test_bootstrap_servers_are_hosts_with_ports(
    servers: str, right: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("KAFKA_BOOTSTRAP_SERVERS", servers)
    if right:
        assert KafkaSettings.load().kafka_bootstrap_servers == servers
    else:
        assert "is not host:port" in problems(KafkaSettings)[0]


def test_a_file_of_certificates_is_looked_at_before_it_is_needed(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    (tmp_path / "ca.pem").write_text("no certificate")
    monkeypatch.setenv("PGUSER", "me")
    monkeypatch.setenv("PGSSLROOTCERT", str(tmp_path / "absent.pem"))
    monkeypatch.setenv("KAFKA_SSL_CAFILE", str(tmp_path / "ca.pem"))
    monkeypatch.setenv("S3_CA_FILE", str(tmp_path))
    found = problems(PostgresSettings, KafkaSettings, S3Settings)
    assert [text.split(":")[0] for text in found] == [
        "PGSSLROOTCERT", "KAFKA_SSL_CAFILE", "S3_CA_FILE",
    ]  # fmt: skip
    if cafile := ssl.get_default_verify_paths().cafile:
        monkeypatch.setenv("KAFKA_SSL_CAFILE", cafile)
        assert KafkaSettings.load().kafka_ssl_cafile == cafile


def test_an_empty_variable_is_an_absent_one(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("SHOP_OWNER", "")
    assert ShopSettings.load().owner == "nobody"


def test_settings_do_not_change() -> None:
    with pytest.raises(ValueError, match="frozen"):
        ShopSettings.load().owner = "me"  # type: ignore[misc]


def test_other_programs_variables_are_left_alone(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("KAFKA_HEAP_OPTS", "-Xmx1g")
    monkeypatch.setenv("TOPIC_OF_THE_DAY", "sales")
    assert load_all(KafkaSettings, TopicSettings)
