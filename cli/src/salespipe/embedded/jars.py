"""Kafka's jars: resolved from Maven Central once, then found in the user's cache.

    python -m salespipe.embedded.jars      print the class path, resolving it where needed

Kafka is resolved alone: a second root in the same resolution would drag its own jars to other
versions. The log binding comes from a resolution of its own, and only its one jar is used.
"""

import json
import sys
from pathlib import Path

from salespipe.settings import cache_folder

KAFKA = "4.3.1"
_KAFKA = f"org.apache.kafka:kafka_2.13:{KAFKA}"
_LOGGING = "org.apache.logging.log4j:log4j-slf4j-impl:2.25.4"


def remembered() -> tuple[Path, ...]:
    """The jars of an earlier resolution, if every one is still there; else nothing."""
    try:
        jars = tuple(Path(jar) for jar in json.loads(_file().read_text()))
    except (OSError, ValueError):
        return ()
    return jars if jars and all(jar.exists() for jar in jars) else ()


def resolve() -> tuple[Path, ...]:
    """Resolve (from the network where the cache has not all) and remember."""
    import jgo

    kafka = [Path(jar) for jar in jgo.build(_KAFKA).all_jars]
    binding = [Path(jar) for jar in jgo.build(_LOGGING).all_jars if "slf4j-impl" in str(jar)]
    jars = tuple(kafka + [jar for jar in binding if "log4j-slf4j-impl" in jar.name])
    _file().parent.mkdir(parents=True, exist_ok=True)
    _file().write_text(json.dumps([str(jar) for jar in jars]))
    return jars


def _file() -> Path:
    return cache_folder() / f"kafka-{KAFKA}.jars.json"


if __name__ == "__main__":
    print(":".join(map(str, remembered() or resolve())), file=sys.stdout)
