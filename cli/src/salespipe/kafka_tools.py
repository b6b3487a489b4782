"""salespipe kafka: Kafka's own command line tools, pointed at this stack."""

import subprocess
from typing import Annotated

import typer

from salespipe.errors import Code, SalespipeError

# the name that the script has in bin/, without kafka- and .sh, and the class behind it
TOOLS = {
    "topics": "org.apache.kafka.tools.TopicCommand",
    "console-producer": "org.apache.kafka.tools.ConsoleProducer",
    "console-consumer": "org.apache.kafka.tools.consumer.ConsoleConsumer",
    "consumer-groups": "org.apache.kafka.tools.consumer.group.ConsumerGroupCommand",
    "configs": "kafka.admin.ConfigCommand",
    "get-offsets": "org.apache.kafka.tools.GetOffsetShell",
}


def register(app: typer.Typer) -> None:
    app.command("kafka", context_settings={"ignore_unknown_options": True})(kafka)


def kafka(
    tool: Annotated[str, typer.Argument(help=" | ".join(TOOLS))],
    words: Annotated[list[str] | None, typer.Argument(help="as the tool takes them")] = None,
) -> None:
    """Run a Kafka tool, say: salespipe kafka topics --describe --topic sales_batch_topic."""
    raise typer.Exit(subprocess.run(command(tool, words or []), check=False).returncode)


def command(tool: str, words: list[str]) -> list[str]:
    """The tool's command line, with this stack's broker. Raises SalespipeError."""
    from salespipe import state
    from salespipe.embedded.kafka import class_path_of_kafka, java

    if tool not in TOOLS:
        raise SalespipeError(
            Code.UNKNOWN_TOOL, f"there is no Kafka tool {tool}", fix=f"one of {', '.join(TOOLS)}"
        )
    stack = state.load()
    class_path = ":".join(map(str, (*class_path_of_kafka(), *class_path_of_kafka("tools"))))
    options = ["-Xmx128m", "-XX:TieredStopAtLevel=1", "-Xlog:disable"]
    if stack.folder is not None:
        options.append(f"-Dlog4j2.configurationFile={stack.folder / 'kafka' / 'log4j2.properties'}")
    broker = stack.kafka().kafka_bootstrap_servers
    return [
        *(str(java()), *options, "-cp", class_path, TOOLS[tool]),
        *("--bootstrap-server", broker, *words),
    ]
