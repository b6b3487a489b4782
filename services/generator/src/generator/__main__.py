"""python -m generator"""

import time
from typing import NoReturn

from fastapi import FastAPI

from generator.api import router
from generator.settings import GeneratorSettings
from generator.worker import GeneratorWorker
from pipeline import process
from pipeline.health import Health
from pipeline.settings import HttpSettings, KafkaSettings, TopicSettings
from pipeline.web import create_app


def build(
    http: HttpSettings, kafka: KafkaSettings, topics: TopicSettings, settings: GeneratorSettings
) -> tuple[GeneratorWorker, FastAPI]:
    health = Health("kafka", stall_after=120)
    worker = GeneratorWorker(kafka, topics, settings, health, drain_seconds=http.drain_seconds)
    app = create_app("generator", health, worker.about, router(worker, http, time.time))
    return worker, app


def main() -> NoReturn:
    process.main("generator", (KafkaSettings, TopicSettings, GeneratorSettings), build)


if __name__ == "__main__":
    main()
