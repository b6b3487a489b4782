"""Kafka's jars: resolved from Maven Central once, then found in the user's cache.

    python -m salespipe.embedded.jars [tools]    print the class path, resolving it where needed

Kafka is resolved alone: a second root in the same resolution would drag its own jars to other
versions. The log binding and the command line tools come from resolutions of their own, and only
their one jar is used.
"""

import json
import sys
from pathlib import Path

from salespipe.embedded.machine import one_at_a_time
from salespipe.settings import cache_folder

KAFKA = "4.3.1"
_KAFKA = f"org.apache.kafka:kafka_2.13:{KAFKA}"
_LOGGING = ("org.apache.logging.log4j:log4j-slf4j-impl:2.25.4", "log4j-slf4j-impl")
_TOOLS = (f"org.apache.kafka:kafka-tools:{KAFKA}", "kafka-tools-4")


def remembered(part: str = "kafka") -> tuple[Path, ...]:
    """The jars of an earlier resolution, if every one is still there; else nothing."""
    try:
        jars = tuple(Path(jar) for jar in json.loads(_file(part).read_text()))
    except (OSError, ValueError):
        return ()
    return jars if jars and all(jar.exists() for jar in jars) else ()


def resolve(part: str = "kafka") -> tuple[Path, ...]:
    """Resolve (from the network where the cache has not all) and remember.

    The resolver does not bear a second one that downloads into the same cache.
    """
    with one_at_a_time("jars"):
        if found := remembered(part):
            return found
        jars = _one(*_TOOLS) if part == "tools" else [*_all(_KAFKA), *_one(*_LOGGING)]
        # in one step: whoever asks meanwhile sees all of it or nothing
        written = _file(part).with_suffix(".new")
        written.write_text(json.dumps([str(jar) for jar in jars]))
        written.replace(_file(part))
        return tuple(jars)


def _all(coordinate: str) -> list[Path]:
    import jgo

    return [Path(jar) for jar in jgo.build(coordinate).all_jars]


def _one(coordinate: str, name: str) -> list[Path]:
    return [jar for jar in _all(coordinate) if jar.name.startswith(name)]


def _file(part: str) -> Path:
    return cache_folder() / f"{part}-{KAFKA}.jars.json"


if __name__ == "__main__":
    chosen = sys.argv[1] if len(sys.argv) > 1 else "kafka"
    print(":".join(map(str, remembered(chosen) or resolve(chosen))), file=sys.stdout)
