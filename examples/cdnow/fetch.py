"""Fetches CDNOW_master.txt out of the Python package lifetimes 0.11.3, without installing it.

python examples/cdnow/fetch.py [FOLDER]     (default: data/ beside this file)
"""

import hashlib
import shutil
import subprocess
import sys
import tempfile
from pathlib import Path

PACKAGE = "lifetimes==0.11.3"
MEMBER = Path("lifetimes/datasets/CDNOW_master.txt")
SHA256 = "eff6889ed364c5199d6eacbbeb7a6d559971df4406ac876f322c373f00a072ef"
DATA = Path(__file__).resolve().parent / "data"


def fetch(folder: Path = DATA) -> Path:
    """The file's path; it is fetched only once. Raises RuntimeError."""
    target = folder / MEMBER.name
    if target.exists() and _sha256(target) == SHA256:
        return target
    with tempfile.TemporaryDirectory() as unpacked:
        _unpack(Path(unpacked))
        found = Path(unpacked) / MEMBER
        if _sha256(found) != SHA256:
            raise RuntimeError(f"{MEMBER.name} is not the file that was expected")
        folder.mkdir(parents=True, exist_ok=True)
        shutil.copyfile(found, target)
    return target


def _unpack(folder: Path) -> None:
    """By whichever installer is here."""
    options = ["--quiet", "--no-deps", "--target", str(folder), PACKAGE]
    said = []
    for installer in _installers():
        if shutil.which(installer[0]) is None:
            continue
        done = subprocess.run([*installer, *options], capture_output=True, text=True, check=False)
        if done.returncode == 0:
            return
        said += done.stderr.strip().splitlines()[-1:] or [f"{installer[0]}: {done.returncode}"]
    raise RuntimeError(f"{PACKAGE} could not be fetched: {'; '.join(said) or 'no pip and no uv'}")


def _installers() -> list[list[str]]:
    """uv on the PATH or where make puts it; pip of this Python, or of the one below the venv."""
    uvs = ["uv", str(Path(__file__).parents[2] / ".tools" / "bin" / "uv")]
    pythons = [sys.executable, f"{sys.base_prefix}/bin/python3"]
    return [
        *([uv, "pip", "install", "--python", sys.executable] for uv in uvs),
        *([python, "-m", "pip", "install"] for python in pythons),
    ]


def _sha256(path: Path) -> str:
    return hashlib.sha256(path.read_bytes()).hexdigest()


if __name__ == "__main__":
    try:
        print(fetch(*map(Path, sys.argv[1:2])))  # noqa: T201
    except RuntimeError as error:
        sys.exit(f"error: {error}")
