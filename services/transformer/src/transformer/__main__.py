"""Wires the transformer."""

from typing import NoReturn

from fastapi import FastAPI

from pipeline import process
from pipeline.health import Health
from pipeline.settings import HttpSettings, KafkaSettings, PostgresSettings, TopicSettings
from pipeline.web import create_app, require_token
from transformer.api import routes
from transformer.settings import TransformerSettings
from transformer.worker import Transformer

# one node of a large increment may take this long
STALL_SECONDS = 300.0


def build(
    http: HttpSettings,
    kafka: KafkaSettings,
    postgres: PostgresSettings,
    topics: TopicSettings,
    settings: TransformerSettings,
) -> tuple[Transformer, FastAPI]:
    health = Health("postgres", "kafka", "dbt", stall_after=STALL_SECONDS)
    transformer = Transformer(kafka, postgres, topics, settings, health)
    app = create_app(
        "transformer", health, transformer.about, routes(transformer, require_token(http))
    )
    return transformer, app


def main() -> NoReturn:
    process.main(
        "transformer",
        (KafkaSettings, PostgresSettings, TopicSettings, TransformerSettings),
        build,
    )


if __name__ == "__main__":
    main()
