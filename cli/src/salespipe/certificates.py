"""An authority of our own and a certificate a server, for compose.tls.yaml; made once, by openssl.

/volumes/secrets
├── tls/              0700: the authority's key, and every server's
├── kafka/            server.pem, ca.crt
├── minio/certs/      public.crt, private.key, CAs/ca.crt, as MinIO wants them
├── postgres/         server.crt, server.key, ca.crt
└── loader/ …         ca.crt: whom to believe
"""

import subprocess
from pathlib import Path

SERVERS = ("kafka", "minio", "postgres")
CLIENTS = (
    "generator", "import", "s3-sink", "loader", "transformer", "exporter", "cli", "prometheus",
    "grafana", "setup-kafka", "setup-store", "setup-warehouse",
)  # fmt: skip
_DAYS = "3650"
_NEW_KEY = (
    "openssl", "req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-noenc",
    "-days", _DAYS,
)  # fmt: skip


def write(folder: Path) -> int:
    """Make what is missing and hand it out; the number of certificates that were made."""
    own = folder / "tls"
    own.mkdir(mode=0o700, exist_ok=True)
    wanted = {name: own / f"{name}.crt" for name in ("ca", *SERVERS)}
    missing = [name for name, path in wanted.items() if not path.exists()]
    for name in missing:
        _make(own, name)
    for place, text in _handed(own).items():
        path = folder / place
        path.parent.mkdir(mode=0o755, parents=True, exist_ok=True)
        path.unlink(missing_ok=True)
        path.write_text(text)
        # servers run as users of their own: the mount, not the mode, keeps others out
        path.chmod(0o444)
    return len(missing)


def _make(own: Path, name: str) -> None:
    key, certificate = own / f"{name}.key", own / f"{name}.crt"
    beside = own / f"{name}.new"
    words: tuple[str, ...]
    if name == "ca":
        words = ("-subj", "/CN=salespipe", "-addext", "keyUsage=critical,keyCertSign")
    else:
        names = f"subjectAltName=DNS:{name},DNS:localhost,IP:127.0.0.1"
        words = (
            "-subj", f"/CN={name}", "-CA", str(own / "ca.crt"), "-CAkey", str(own / "ca.key"),
            "-addext", names, "-addext", "basicConstraints=critical,CA:FALSE",
            "-addext", "extendedKeyUsage=serverAuth",
        )  # fmt: skip
    subprocess.run(
        [*_NEW_KEY, *words, "-keyout", str(key), "-out", str(beside)],
        check=True, capture_output=True,
    )  # fmt: skip
    key.chmod(0o600)
    beside.replace(certificate)


def _handed(own: Path) -> dict[str, str]:
    """place → text."""
    authority = (own / "ca.crt").read_text()
    texts = {f"{name}/ca.crt": authority for name in (*CLIENTS, "kafka", "postgres")}
    keys = {name: (own / f"{name}.key").read_text() for name in SERVERS}
    certificates = {name: (own / f"{name}.crt").read_text() for name in SERVERS}
    return texts | {
        "kafka/server.pem": keys["kafka"] + certificates["kafka"],
        "minio/certs/CAs/ca.crt": authority,
        "minio/certs/public.crt": certificates["minio"],
        "minio/certs/private.key": keys["minio"],
        "postgres/server.crt": certificates["postgres"],
        "postgres/server.key": keys["postgres"],
    }
