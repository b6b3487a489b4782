"""Where a peer reads and writes, and the virtual environment that it runs in.

Peers are no requirement of ours: each has an environment of its own under build/peers, made by uv
from the versions named here, and is left out, in one line, where it cannot be installed.
"""

import contextlib
import dataclasses
import json
import os
import shutil
import subprocess
import sys
import time
from dataclasses import dataclass
from pathlib import Path

import psutil

from support.family import resident

ROOT = Path(__file__).parents[2]
PINS = {
    "dlt": ("dlt[postgres,s3,parquet]==1.31.0", "adbc-driver-postgresql==1.13.0"),
    "sling": ("sling==1.4.11", "sling-linux-amd64==1.4.11"),
    "ingestr": ("ingestr==0.14.155",),
    "quixstreams": ("quixstreams[s3]==3.28.1",),
    "scripts": ("aiokafka==0.14.0", "asyncpg==0.32.0", "boto3==1.44.8", "cramjam==2.11.0"),
}
_LOOK_SECONDS = 0.05
_SILENT = {"DISABLE_TELEMETRY": "true", "SLING_DISABLE_TELEMETRY": "true"}


@dataclass(frozen=True)
class Place:
    """What a peer is told. Objects: prefix…suffix; rows: schema.table; folder: for its state."""

    endpoint: str
    key: str
    secret: str
    bucket: str
    prefix: str
    suffix: str
    dsn: str
    schema: str
    table: str
    folder: str
    way: str = ""

    @property
    def json(self) -> str:
        return json.dumps(dataclasses.asdict(self))


@dataclass(frozen=True)
class Ended:
    code: int
    seconds: float
    cpu_seconds: float
    peak_mib: float
    said: str


def environment(name: str) -> Path | None:
    """The environment's bin folder, None where it cannot be made."""
    folder = ROOT / "build" / "peers" / name
    marker = folder / "installed.json"
    if marker.exists() and json.loads(marker.read_text()) == list(PINS[name]):
        return folder / "bin"
    uv = shutil.which("uv") or str(ROOT / ".tools" / "bin" / "uv")
    make = [uv, "venv", "--quiet", "--clear", "--python", sys.executable, str(folder)]
    install = [uv, "pip", "install", "--quiet", "--compile-bytecode", *PINS[name]]
    try:
        subprocess.run(make, check=True, capture_output=True, timeout=60)
        into = os.environ | {"VIRTUAL_ENV": str(folder)}
        subprocess.run(install, check=True, capture_output=True, timeout=300, env=into)
    except (OSError, subprocess.SubprocessError) as error:
        print(f"{name} is left out: it cannot be installed ({error})"[:200], flush=True)
        return None
    marker.write_text(json.dumps(PINS[name]))
    return folder / "bin"


def run(argv: list[str], home: Path, log: Path, **env: str) -> Ended:
    """To its end, with what it and what it waited for used; home keeps its state apart."""
    home.mkdir(parents=True, exist_ok=True)
    plain = {"PATH": os.environ["PATH"], "HOME": str(home)}
    started = time.perf_counter()
    with log.open("wb") as output:
        process = subprocess.Popen(
            argv, env=plain | _SILENT | env, cwd=home, stdout=output, stderr=output
        )
        peak = 0
        while not (ended := os.wait4(process.pid, os.WNOHANG))[0]:
            # not ru_maxrss: it begins with what this process held when it forked
            with contextlib.suppress(psutil.NoSuchProcess):
                peak = max(peak, resident(process.pid))
            time.sleep(_LOOK_SECONDS)
    seconds, used = time.perf_counter() - started, ended[2]
    process.returncode = os.waitstatus_to_exitcode(ended[1])
    said = log.read_text(errors="replace")
    cpu_seconds = used.ru_utime + used.ru_stime
    return Ended(process.returncode, seconds, cpu_seconds, peak / 2**20, said)
