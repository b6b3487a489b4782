"""What compose.yaml promises about every container, read from docker compose's own model.

An exception is a line in EXCEPTIONS, with its reason.
"""

import re
from typing import Any

import pytest
import yaml

from support import compose_file
from support.compose_file import ROOT, resolved

pytestmark = pytest.mark.skipif(bool(compose_file.missing()), reason=compose_file.missing())

JOBS = {"secrets", "setup-kafka", "setup-store", "setup-warehouse", "cli", "import"}
SERVICES = {"generator", "s3-sink", "loader", "transformer"}
SERVERS = {"kafka", "minio", "postgres", "prometheus", "exporter", "alertmanager", "grafana"}
ALL = sorted(JOBS | SERVICES | SERVERS)

# by need (hardening: a network a server)
NETWORKS = {
    "secrets": set(),
    "kafka": {"kafka", "events"},
    "minio": {"s3", "events"},
    "postgres": {"db"},
    # s3: the store tells of itself
    "prometheus": {"metrics", "s3"},
    "exporter": {"kafka", "db", "metrics"},
    # who hears of alerts is outside
    "alertmanager": {"metrics", "edge"},
    "grafana": {"metrics", "db", "edge"},
    "setup-kafka": {"kafka"},
    "setup-store": {"s3"},
    "setup-warehouse": {"db"},
    "generator": {"kafka", "metrics"},
    "s3-sink": {"kafka", "s3", "metrics"},
    "loader": {"kafka", "s3", "db", "metrics"},
    "transformer": {"kafka", "db", "metrics"},
    "cli": {"kafka", "s3", "db", "metrics"},
    "import": {"kafka"},
}
EXCEPTIONS = {
    ("kafka", "/native"): "zstd and snappy unpack their libraries there before they map them",
    ("secrets", "own folder"): "it writes every container's folder",
    ("alertmanager", "own folder"): "it needs no secret",
}
_SECRET_NAME = re.compile(r"PASSWORD|SECRET|TOKEN|CREDENTIAL|PRIVATE_KEY")


def service(name: str) -> dict[str, Any]:
    found: dict[str, Any] = resolved()["services"][name]
    return found


def excused(name: str, rule: str) -> bool:
    return (name, rule) in EXCEPTIONS


def test_every_container_is_known_here() -> None:
    assert sorted(resolved()["services"]) == ALL


@pytest.mark.parametrize("name", ALL)
def test_a_container_can_do_nothing_that_it_need_not(name: str) -> None:
    found = service(name)
    assert found["read_only"] is True
    assert found["cap_drop"] == ["ALL"]
    assert found["security_opt"] == ["no-new-privileges:true"]
    assert str(found["user"]).split(":")[0] not in ("", "0", "root")
    for mount in found["tmpfs"]:
        folder, _, options = mount.partition(":")
        assert {"nosuid", "noexec"} <= {*options.split(",")} or excused(name, folder), mount
    for forbidden in ("privileged", "cap_add", "pid", "ipc", "devices", "userns_mode"):
        assert not found.get(forbidden), forbidden
    assert found.get("network_mode") in (None, "none")


@pytest.mark.parametrize("name", ALL)
def test_a_container_cannot_take_the_machine(name: str) -> None:
    found = service(name)
    assert 0 < found["pids_limit"] <= 512
    assert 0 < int(found["mem_limit"]) <= 1 << 30
    assert 0 < found["cpus"] <= 2
    assert found["logging"]["options"].keys() == {"max-size", "max-file"}
    assert found["stop_grace_period"]


@pytest.mark.parametrize("name", ALL)
def test_an_image_that_is_pulled_has_a_digest(name: str) -> None:
    image = service(name)["image"]
    if image.startswith("salespipe/"):
        return
    assert re.fullmatch(r"[a-z0-9./-]+:[A-Za-z0-9._-]+@sha256:[0-9a-f]{64}", image)
    assert ":latest" not in image


def test_our_images_are_built_from_images_with_a_digest() -> None:
    built = [
        found["build"]["args"] for found in resolved()["services"].values() if "build" in found
    ]
    assert {args["SERVICE"] for args in built} == SERVICES | {"cli", "import"}
    for args in built:
        assert "@sha256:" in args["PYTHON_IMAGE"]
        assert "@sha256:" in args["UV_IMAGE"]


def test_the_dockerfile_has_the_same_defaults() -> None:
    dockerfile = (ROOT / "services" / "Dockerfile").read_text()
    args = service("generator")["build"]["args"]
    for name in ("PYTHON_IMAGE", "UV_IMAGE"):
        assert f"ARG {name}={args[name]}\n" in dockerfile


def test_the_example_settings_are_the_defaults() -> None:
    assert resolved(env_file=".env.example") == resolved()


@pytest.mark.parametrize("name", sorted(SERVICES | SERVERS))
def test_what_runs_on_says_how_it_is(name: str) -> None:
    assert service(name)["healthcheck"]["test"][0] in ("CMD", "CMD-SHELL")
    assert service(name)["restart"] == "unless-stopped"


@pytest.mark.parametrize("name", sorted(JOBS))
def test_a_job_ends(name: str) -> None:
    assert service(name)["restart"] == "no"


def test_up_waits_for_every_job() -> None:
    """`up --wait` takes a container that ended for a failure, unless another one waits for it."""
    needed = {
        other
        for found in resolved()["services"].values()
        for other, need in found.get("depends_on", {}).items()
        if need["condition"] == "service_completed_successfully"
    }
    assert needed == JOBS - {"cli", "import"}


@pytest.mark.parametrize("name", ALL)
def test_nothing_starts_before_what_it_needs_is_ready(name: str) -> None:
    for need in service(name).get("depends_on", {}).values():
        assert need["condition"] in ("service_healthy", "service_completed_successfully")


@pytest.mark.parametrize("name", ALL)
def test_a_container_is_in_the_networks_that_it_needs(name: str) -> None:
    assert set(service(name).get("networks") or ()) == NETWORKS[name]


def test_only_one_network_leads_out() -> None:
    networks = resolved()["networks"]
    assert {name for name, network in networks.items() if not network.get("internal")} == {"edge"}


def test_only_grafana_is_published_and_only_here() -> None:
    published = {
        name: found["ports"] for name, found in resolved()["services"].items() if "ports" in found
    }
    assert set(published) == {"grafana"}
    assert [port["host_ip"] for port in published["grafana"]] == ["127.0.0.1"]


def test_the_overlay_publishes_servers_only_here() -> None:
    overlaid = resolved("compose.yaml", "compose.ports.yaml")["services"]
    published = {name: found["ports"] for name, found in overlaid.items() if "ports" in found}
    assert set(published) == {"kafka", "minio", "postgres", "prometheus", "grafana"}
    for name, ports in published.items():
        assert {port["host_ip"] for port in ports} == {"127.0.0.1"}
        # a port of a container whose networks are all internal leads nowhere
        assert "edge" in overlaid[name]["networks"]


@pytest.mark.parametrize("name", ALL)
def test_a_container_sees_its_own_secrets_and_cannot_change_them(name: str) -> None:
    mounts = [m for m in service(name).get("volumes", ()) if m.get("source") == "secrets"]
    if excused(name, "own folder"):
        return
    (mount,) = mounts
    assert mount["target"] == "/run/secrets"
    assert mount["read_only"] is True
    assert mount["volume"]["subpath"] == name


@pytest.mark.parametrize("name", ALL)
def test_no_secret_is_in_the_environment(name: str) -> None:
    for variable, value in (service(name).get("environment") or {}).items():
        if _SECRET_NAME.search(variable):
            assert variable.endswith("_FILE"), variable
            assert value.startswith("/run/secrets/"), variable


def test_no_secret_has_a_default() -> None:
    text = (ROOT / "compose.yaml").read_text() + (ROOT / ".env.example").read_text()
    for name in re.findall(r"\$\{([A-Z0-9_]+)", text) + re.findall(r"^([A-Z0-9_]+)=", text, re.M):
        assert not _SECRET_NAME.search(name), name


@pytest.mark.parametrize("name", ALL)
def test_what_is_mounted_from_here_is_read_only_and_no_socket(name: str) -> None:
    for mount in service(name).get("volumes", ()):
        if mount["type"] == "bind":
            assert mount["read_only"] is True
            assert "docker.sock" not in mount["source"]
            # compose makes an empty folder of a file that is missing, unless it is told not to
            assert mount["bind"].get("create_host_path") in (None, False)
        else:
            assert mount["type"] == "volume"


def test_every_volume_has_a_name() -> None:
    for found in resolved()["services"].values():
        for mount in found.get("volumes", ()):
            assert mount["type"] == "bind" or mount["source"] in resolved()["volumes"]


def test_postgres_keeps_its_data_where_the_image_has_it_since_18() -> None:
    targets = {mount["target"] for mount in service("postgres")["volumes"]}
    assert "/var/lib/postgresql" in targets


def test_the_tls_overlay_leaves_no_client_in_plain_text() -> None:
    overlaid = resolved("compose.yaml", "compose.tls.yaml")["services"]
    for name, found in overlaid.items():
        environment = found.get("environment") or {}
        if "KAFKA_SECURITY_PROTOCOL" in environment:
            assert environment["KAFKA_SECURITY_PROTOCOL"] == "SASL_SSL", name
        if "S3_ENDPOINT_URL" in environment:
            assert environment["S3_ENDPOINT_URL"].startswith("https:"), name
        if "PGSSLMODE" in environment:
            assert environment["PGSSLMODE"] == "verify-full", name
            assert environment["PGSSLROOTCERT"] == "/run/secrets/ca.crt", name


def test_the_tls_overlay_asks_the_store_for_the_same_figures() -> None:
    plain, tls = (
        yaml.safe_load((ROOT / "prometheus" / folder / "minio.yml").read_text())["scrape_configs"]
        for folder in ("scrape", "scrape-tls")
    )
    encrypted = {"scheme": "https", "tls_config": {"ca_file": "/run/secrets/ca.crt"}}
    assert tls == [job | encrypted for job in plain]
