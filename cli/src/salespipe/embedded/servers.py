"""The three servers of a stack, from its ports, its credentials and its plan."""

from dataclasses import dataclass
from typing import Self

from salespipe.embedded.kafka import Kafka
from salespipe.embedded.object_store import ObjectStore
from salespipe.embedded.plan import Plan
from salespipe.embedded.postgres import Postgres
from salespipe.state import SUPERUSER, StackState


@dataclass(frozen=True)
class Servers:
    kafka: Kafka
    store: ObjectStore
    postgres: Postgres

    @classmethod
    def of(cls, stack: StackState, wanted: Plan) -> Self:
        assert stack.folder
        password = stack.credentials["postgres"][SUPERUSER]
        store = ObjectStore(
            stack.folder / "s3", stack.ports, stack.credentials["s3"], wanted.s3_scope
        )
        return cls(
            kafka=Kafka(stack.folder / "kafka", stack.ports, wanted.kafka),
            store=store,
            postgres=Postgres(stack.folder / "postgres", stack.ports, password, wanted.postgres),
        )
