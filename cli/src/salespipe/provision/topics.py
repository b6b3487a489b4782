"""Topics as kafka/topics.yaml declares them."""

from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import yaml
from aiokafka.admin import AIOKafkaAdminClient, NewTopic
from aiokafka.errors import TopicAlreadyExistsError, for_code

from salespipe.settings import project_root


@dataclass(frozen=True)
class Topic:
    """A topic and how it is created."""

    name: str
    description: str
    producers: tuple[str, ...]
    consumers: tuple[str, ...]
    key: str
    partitions: int
    replication: int = 1
    config: dict[str, str] = field(default_factory=dict)


def declared(path: Path | None = None) -> tuple[Topic, ...]:
    """Every topic of topics.yaml, in its order."""
    document = yaml.safe_load((path or project_root() / "kafka" / "topics.yaml").read_text())
    defaults: dict[str, Any] = document.get("defaults", {})
    return tuple(_topic(name, defaults | body) for name, body in document["topics"].items())


async def create(
    admin: AIOKafkaAdminClient, topics: tuple[Topic, ...], names: dict[str, str] | None = None
) -> tuple[str, ...]:
    """Create what is missing, under other names where names says so; the names created."""
    renamed = names or {}
    wanted = {renamed.get(topic.name, topic.name): topic for topic in topics}
    existing = set(await admin.list_topics())
    missing = [
        NewTopic(name, topic.partitions, topic.replication, topic_configs=topic.config)
        for name, topic in wanted.items()
        if name not in existing
    ]
    if missing:
        response = await admin.create_topics(missing)
        for name, code, *_ in response.topic_errors:
            if code not in (0, TopicAlreadyExistsError.errno):
                raise for_code(code)(name)
    return tuple(topic.name for topic in missing)


def _topic(name: str, body: dict[str, Any]) -> Topic:
    return Topic(
        name=name,
        description=body["description"],
        producers=tuple(body["producers"]),
        consumers=tuple(body["consumers"]),
        key=body["key"],
        partitions=body["partitions"],
        replication=body.get("replication", 1),
        config={key: str(value) for key, value in body.get("config", {}).items()},
    )
