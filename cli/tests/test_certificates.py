"""Certificates of a stack in containers: signed by one authority, made once."""

import shutil
import ssl
import subprocess
from pathlib import Path

import pytest

from salespipe import certificates

pytestmark = pytest.mark.skipif(shutil.which("openssl") is None, reason="there is no openssl")


def test_a_servers_certificate_is_the_authoritys_and_names_the_server(tmp_path: Path) -> None:
    certificates.write(tmp_path)
    for server, place in (("minio", "minio/certs/public.crt"), ("postgres", "postgres/server.crt")):
        verified = subprocess.run(
            ["openssl", "verify", "-CAfile", tmp_path / "loader/ca.crt", "-verify_hostname", server,
             tmp_path / place],
            capture_output=True, check=False,
        )  # fmt: skip
        assert verified.returncode == 0, verified.stderr
    ssl.create_default_context(cafile=tmp_path / "loader/ca.crt")
    ssl.create_default_context(ssl.Purpose.CLIENT_AUTH).load_cert_chain(
        tmp_path / "kafka/server.pem"
    )


def test_a_second_start_makes_nothing_new(tmp_path: Path) -> None:
    assert certificates.write(tmp_path) == 4
    authority = (tmp_path / "cli/ca.crt").read_text()
    assert certificates.write(tmp_path) == 0
    assert (tmp_path / "cli/ca.crt").read_text() == authority


def test_nobody_but_the_job_sees_the_authoritys_key(tmp_path: Path) -> None:
    certificates.write(tmp_path)
    key = (tmp_path / "tls/ca.key").read_text()
    assert (tmp_path / "tls/ca.key").stat().st_mode & 0o777 == 0o600
    handed = [path for path in tmp_path.rglob("*") if path.is_file() and path.parent.name != "tls"]
    assert not [path for path in handed if key in path.read_text()]
