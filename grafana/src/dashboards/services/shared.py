"""What the dashboards of all services share."""

from dashboards.model import Dashboard, Prom, Row
from dashboards.panels import (
    ONE_IS_GOOD,
    lines,
    rate,
    runbook,
    stat,
    to,
)

HEALTH = to("pipeline-health", "Pipeline health")


def hourly(metric: str, *by: str) -> str:
    """How many in the last hour."""
    grouped = f" by ({', '.join(by)})" if by else ""
    return f"sum{grouped} (increase({metric}[1h]))"


def _process(service: str) -> tuple[Row, ...]:
    """What every service exports; the label is Prometheus's, given to each target."""
    own = f'{{service="{service}"}}'
    return (
        Row(
            4,
            (
                stat(
                    "Instances", "Processes whose /metrics answers.", runbook("ServiceAbsent"),
                    Prom(f"count(salespipe_build_info{own})", "up", now=True),
                    steps=ONE_IS_GOOD, empty="0", width=4,
                ),
                stat(
                    "Since the last turn", "Of the slowest instance's loop; idle turns count.",
                    runbook("LoopStuck"),
                    Prom(
                        f"time() - min(salespipe_last_progress_timestamp_seconds{own} > 0)",
                        "turn", now=True,
                    ),
                    unit="s", decimals=0, width=4,
                ),
                stat(
                    "Servers it can use", "1 while the server answers this service.",
                    runbook("DependencyDown"),
                    Prom(
                        f"min by (dependency) (salespipe_dependency_up{own})", "{{dependency}}",
                        now=True,
                    ),
                    steps=ONE_IS_GOOD, width=16,
                ),
            ),
        ),
        Row(
            7,
            (
                lines(
                    "Retries a second", "Failures that were tried again, by server and code.",
                    runbook("DependencyDown"),
                    Prom(
                        rate(f"salespipe_retries_total{own}", "dependency", "reason"),
                        "{{dependency}} {{reason}}",
                    ),
                    unit="eps",
                ),
                lines(
                    "Memory", "Resident, by instance.", to("servers", "Servers"),
                    Prom(f"process_resident_memory_bytes{own}", "{{instance}}"), unit="bytes",
                ),
                lines(
                    "CPU", "Cores in use, by instance.", to("servers", "Servers"),
                    Prom(f"rate(process_cpu_seconds_total{own}[$__rate_interval])", "{{instance}}"),
                    unit="none",
                ),
            ),
        ),
    )  # fmt: skip


def of_service(service: str, title: str, *rows: Row) -> Dashboard:
    return Dashboard(
        uid=f"service-{service}",
        title=title,
        description=f"What {service} exports, for whoever looks for a fault.",
        folder="services",
        rows=(*_process(service), *rows),
        since="now-3h",
        refresh="15s",
        links=(HEALTH,),
    )
