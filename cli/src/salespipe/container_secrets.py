"""The secrets of a stack in containers: made once, each container sees a folder of its own.

    /volumes/secrets
    ├── credentials.json   0600: every secret; all the rest is written from it at each start
    ├── loader/            all that the loader's container mounts
    │   ├── kafka_password, s3_secret, pg_password, api_token
    ├── kafka/  minio/  postgres/  setup-kafka/  cli/  …

A secret is made where there is none, so an older volume gets what a newer version needs. To rotate
one, take it out of credentials.json and start the stack again (not postgres' own, nor Kafka's
admin: these are in the data).
"""

import base64
import hmac
import json
import os
import secrets
from pathlib import Path

from salespipe.state import PG_ROLES, SUPERUSER

Credentials = dict[str, dict[str, str]]

KAFKA_USERS = (
    "generator", "import", "s3-sink", "loader", "transformer", "minio", "operator", "exporter",
)  # fmt: skip
STORE_USERS = ("s3-sink", "loader", "operator", "prometheus")
_WANTED = {
    "kafka": ("admin", *KAFKA_USERS),
    "s3": ("root", *STORE_USERS),
    "postgres": (SUPERUSER, *PG_ROLES),
    "api": ("token",),
    "grafana": ("admin",),
}
# 2100: the token goes when the user's secret key does
_NEVER = 4_102_444_800
_TOKEN = {"api_token": ("api", "token")}
# container → file → the secret in it
_HANDED: dict[str, dict[str, tuple[str, str]]] = {
    "kafka": {"admin_password": ("kafka", "admin")},
    "postgres": {"password": ("postgres", SUPERUSER)},
    "setup-kafka": {user: ("kafka", user) for user in _WANTED["kafka"]},
    "setup-store": {user: ("s3", user) for user in _WANTED["s3"]},
    "setup-warehouse": {role: ("postgres", role) for role in _WANTED["postgres"]},
    "generator": {"kafka_password": ("kafka", "generator")} | _TOKEN,
    "import": {"kafka_password": ("kafka", "import")},
    "s3-sink": {"kafka_password": ("kafka", "s3-sink"), "s3_secret": ("s3", "s3-sink")} | _TOKEN,
    "loader": {
        "kafka_password": ("kafka", "loader"),
        "s3_secret": ("s3", "loader"),
        "pg_password": ("postgres", "loader"),
    }
    | _TOKEN,
    "transformer": {
        "kafka_password": ("kafka", "transformer"),
        "pg_password": ("postgres", "transformer"),
    }
    | _TOKEN,
    "cli": {
        "kafka_password": ("kafka", "operator"),
        "s3_secret": ("s3", "operator"),
        "operator_password": ("postgres", "operator"),
        "bi_reader_password": ("postgres", "bi_reader"),
    }
    | _TOKEN,
    "exporter": {"kafka_password": ("kafka", "exporter"), "pg_password": ("postgres", "exporter")},
    "grafana": {
        "admin_password": ("grafana", "admin"),
        "bi_reader_password": ("postgres", "bi_reader"),
    },
}
_JAAS = """\
KafkaServer {{
  org.apache.kafka.common.security.scram.ScramLoginModule required
  username="admin" password="{password}";
}};
controller.KafkaServer {{
  org.apache.kafka.common.security.plain.PlainLoginModule required
  username="admin" password="{password}" user_admin="{password}";
}};
"""
_MINIO = """\
MINIO_ROOT_USER=salespipe-root
MINIO_ROOT_PASSWORD={root}
MINIO_NOTIFY_KAFKA_SASL_PASSWORD_SALES={kafka}
"""


def write(folder: Path) -> int:
    """Bring the folder up to date; the number of secrets that were made."""
    known = _read(folder)
    credentials = complete(known)
    _file(folder / "credentials.json", json.dumps(credentials, indent=1) + "\n", 0o600)
    for container, texts in handed(credentials).items():
        own = folder / container
        own.mkdir(mode=0o755, exist_ok=True)
        for name, text in texts.items():
            # servers run as users of their own: the mount, not the mode, keeps others out
            _file(own / name, text, 0o444)
    return sum(map(len, credentials.values())) - sum(map(len, known.values()))


def complete(known: Credentials) -> Credentials:
    """The known secrets, and a random one for everybody who has none yet."""
    credentials = {
        group: {name: known.get(group, {}).get(name) or secrets.token_hex(20) for name in names}
        for group, names in _WANTED.items()
    }
    cluster = known.get("cluster", {}).get("id") or _cluster_id()
    return credentials | {"cluster": {"id": cluster}}


def handed(credentials: Credentials) -> dict[str, dict[str, str]]:
    """container → file → text."""
    texts = {
        container: {file: credentials[group][name] for file, (group, name) in files.items()}
        for container, files in _HANDED.items()
    }
    kafka, s3 = credentials["kafka"], credentials["s3"]
    texts["kafka"] |= {
        "cluster_id": credentials["cluster"]["id"],
        "jaas.conf": _JAAS.format(password=kafka["admin"]),
    }
    texts["minio"] = {"minio.env": _MINIO.format(root=s3["root"], kafka=kafka["minio"])}
    texts["prometheus"] = {"minio_token": _minio_token("salespipe-prometheus", s3["prometheus"])}
    return texts


def _minio_token(user: str, secret: str) -> str:
    """What MinIO's metrics want: a JWT (RFC 7519) that the user signed with its secret key."""
    parts = (
        {"alg": "HS512", "typ": "JWT"},
        {"iss": "prometheus", "sub": user, "exp": _NEVER},
    )
    signed = b".".join(_base64url(json.dumps(part).encode()) for part in parts)
    signature = hmac.digest(secret.encode(), signed, "sha512")
    return (signed + b"." + _base64url(signature)).decode()


def _base64url(data: bytes) -> bytes:
    return base64.urlsafe_b64encode(data).rstrip(b"=")


def _cluster_id() -> str:
    """As Kafka makes one; not with a dash in front, which its tools take for an option."""
    while True:
        found = base64.urlsafe_b64encode(secrets.token_bytes(16)).decode().rstrip("=")
        if not found.startswith("-"):
            return found


def _read(folder: Path) -> Credentials:
    try:
        known: Credentials = json.loads((folder / "credentials.json").read_text())
    except FileNotFoundError:
        return {}
    return known


def _file(path: Path, text: str, mode: int) -> None:
    """Replace in one step: a container that starts meanwhile reads the old or the new."""
    beside = path.with_name(f".{path.name}.new")
    beside.unlink(missing_ok=True)
    with os.fdopen(os.open(beside, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "w") as file:
        file.write(text)
    beside.chmod(mode)
    beside.replace(path)
