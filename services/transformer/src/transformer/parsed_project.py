"""The project as dbt read it, kept for the next process.

Reading it takes dbt longer than all the rest of a start. What came of it is put beside the project,
in target/, under a name made of everything that it depends on: dbt's versions, where the project
lies, each file's content. Another project is another name, so nothing here is ever out of date; the
database, which every relation names too, is put in anew. A folder that cannot be written to is no
error: then each process reads for itself.
"""

import contextlib
import hashlib
import os
from collections.abc import Iterator
from importlib.metadata import version
from pathlib import Path
from typing import Any

from dbt.constants import PARTIAL_PARSE_FILE_NAME
from dbt.contracts.graph.manifest import Manifest
from dbt.parser.manifest import extended_mashumuro_decoder

# dbt's own output, and files that it does not read
_LEFT_OUT = frozenset({"target", "logs", "dbt_packages", ".user.yml"})
_PACKAGES = ("dbt-core", "dbt-adapters", "dbt-common", "dbt-postgres")
_PATTERN = "parsed-{}.msgpack"
DIGEST_BYTES = hashlib.sha256().digest_size


class ParsedProject:
    """folder: the project; output: where dbt writes what it read. load, then keep if need be."""

    def __init__(self, folder: Path, output: Path, database: str) -> None:
        self._folder = folder
        self._written = output / PARTIAL_PARSE_FILE_NAME
        self._database = database
        # of the files as they are now: what is read of later ones must not bear this name
        self._kept = folder / "target" / _PATTERN.format(self._fingerprint())

    def load(self) -> Manifest | None:
        """The manifest of this very project; None where nobody kept it."""
        try:
            kept = self._kept.read_bytes()
        except OSError:
            return None
        digest, content = kept[:DIGEST_BYTES], kept[DIGEST_BYTES:]
        if hashlib.sha256(content).digest() != digest:
            # the machine went down before the disk had all of it
            return None
        manifest: Manifest = Manifest.from_msgpack(content, decoder=extended_mashumuro_decoder)
        self._put_database_in(manifest)
        manifest.build_parent_and_child_maps()
        manifest.build_group_map()
        manifest.build_flat_graph()
        return manifest

    def keep(self) -> None:
        """Put away what dbt has just written, in place of what was kept before."""
        kept = self._kept
        with contextlib.suppress(OSError):
            kept.parent.mkdir(exist_ok=True)
            for old in kept.parent.glob(_PATTERN.format("*")):
                old.unlink(missing_ok=True)
            # another process may read it, or keep the same: it appears whole
            beside = kept.with_suffix(f".{os.getpid()}")
            content = self._written.read_bytes()
            beside.write_bytes(hashlib.sha256(content).digest() + content)
            beside.replace(kept)

    def _put_database_in(self, manifest: Manifest) -> None:
        nodes: list[Any] = [*manifest.nodes.values(), *manifest.sources.values()]
        for node in nodes:
            if node.relation_name:
                _, _, in_database = node.relation_name.partition(".")
                node.relation_name = f'"{self._database}".{in_database}'
            node.database = self._database

    def _fingerprint(self) -> str:
        digest = hashlib.sha256()
        names = (str(self._folder), *map(version, _PACKAGES))
        digest.update("\0".join(names).encode())
        for path in self._files():
            content = path.read_bytes()
            digest.update(f"\0{path.relative_to(self._folder)}\0{len(content)}\0".encode())
            digest.update(content)
        return digest.hexdigest()[:32]

    def _files(self) -> Iterator[Path]:
        for path in sorted(self._folder.rglob("*")):
            if path.is_file() and path.relative_to(self._folder).parts[0] not in _LEFT_OUT:
                yield path
