"""python -m loader"""

from typing import NoReturn

from fastapi import FastAPI

from loader.api import router
from loader.settings import LoaderSettings
from loader.worker import LoaderWorker
from pipeline import process
from pipeline.health import Health
from pipeline.settings import (
    HttpSettings,
    KafkaSettings,
    PostgresSettings,
    S3Settings,
    TopicSettings,
)
from pipeline.web import create_app


def build(
    http: HttpSettings,
    kafka: KafkaSettings,
    s3: S3Settings,
    postgres: PostgresSettings,
    topics: TopicSettings,
    settings: LoaderSettings,
) -> tuple[LoaderWorker, FastAPI]:
    health = Health("kafka", "s3", "postgres", stall_after=120)
    worker = LoaderWorker(kafka, s3, postgres, topics, settings, health)
    return worker, create_app("loader", health, worker.about, router(worker, http, s3.s3_bucket))


def main() -> NoReturn:
    process.main(
        "loader",
        (KafkaSettings, S3Settings, PostgresSettings, TopicSettings, LoaderSettings),
        build,
    )


if __name__ == "__main__":
    main()
