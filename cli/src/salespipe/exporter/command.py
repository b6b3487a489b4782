"""salespipe exporter: what the container `exporter` of compose.yaml runs."""

from typing import TYPE_CHECKING

import typer

if TYPE_CHECKING:
    from fastapi import FastAPI

    from pipeline.settings import HttpSettings, KafkaSettings, PostgresSettings
    from salespipe.exporter.worker import ExporterWorker


def register(app: typer.Typer) -> None:
    app.command(hidden=True)(exporter)


def exporter() -> None:
    """Export figures of Kafka and PostgreSQL to Prometheus, until it is stopped."""
    from pipeline import process
    from pipeline.settings import KafkaSettings, PostgresSettings

    process.main("salespipe", (KafkaSettings, PostgresSettings), _build)


def _build(
    http: "HttpSettings", kafka: "KafkaSettings", postgres: "PostgresSettings"
) -> "tuple[ExporterWorker, FastAPI]":
    from pipeline.health import Health
    from pipeline.web import create_app
    from salespipe.exporter.worker import ExporterWorker

    health = Health("kafka", "postgres", stall_after=120)
    worker = ExporterWorker(kafka, postgres, health)
    return worker, create_app("exporter", health, dict)
