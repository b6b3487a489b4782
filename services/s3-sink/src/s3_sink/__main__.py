"""python -m s3_sink"""

from typing import NoReturn

from fastapi import FastAPI

from pipeline import process
from pipeline.health import Health
from pipeline.settings import HttpSettings, KafkaSettings, S3Settings, TopicSettings
from pipeline.web import create_app
from s3_sink.settings import SinkSettings
from s3_sink.worker import SinkWorker


def build(
    http: HttpSettings, kafka: KafkaSettings, s3: S3Settings, topics: TopicSettings,
    settings: SinkSettings,
) -> tuple[SinkWorker, FastAPI]:  # fmt: skip
    health = Health("kafka", "s3", stall_after=120)
    worker = SinkWorker(kafka, s3, topics, settings, health, drain_seconds=http.drain_seconds)
    return worker, create_app("s3-sink", health, worker.about)


def main() -> NoReturn:
    process.main("s3-sink", (KafkaSettings, S3Settings, TopicSettings, SinkSettings), build)


if __name__ == "__main__":
    main()
