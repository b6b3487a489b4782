"""Rights in Kafka follow from topics.yaml: whoever is named there, and nobody else."""

from collections import defaultdict

from salespipe.container_secrets import KAFKA_USERS
from salespipe.provision import topics
from salespipe.provision.kafka_access import (
    OPERATOR,
    Operation,
    Pattern,
    Resource,
    Right,
    rights,
)

DECLARED = topics.declared()


def test_only_producers_write() -> None:
    writers: dict[str, set[str]] = defaultdict(set)
    for right in rights(DECLARED):
        if right.operation is Operation.write:
            writers[right.name].add(right.user)
    assert writers == {
        "sales_batch_topic": {"generator", "import"},
        "sales_batch_manifests": {"generator", "import"},
        "s3_events": {"minio"},
        "sales_files_loaded": {"loader"},
        "sales_models_built": {"transformer"},
        "sales_batch_dlq": {"s3-sink", "loader", "transformer"},
    }


def test_the_operator_reads_everything_and_writes_nothing() -> None:
    own = [right for right in rights(DECLARED) if right.user == OPERATOR]
    assert {r.name for r in own if r.resource is Resource.topic} == {t.name for t in DECLARED}
    assert Operation.write not in {right.operation for right in own}


def test_a_user_has_the_groups_that_begin_with_its_name() -> None:
    groups = [right for right in rights(DECLARED) if right.resource is Resource.group]
    assert groups
    for right in groups:
        assert right == Right(
            right.user, Operation.read, Resource.group, right.user, Pattern.prefixed
        )


def test_every_right_belongs_to_a_user_who_has_a_password() -> None:
    assert {right.user for right in rights(DECLARED)} == set(KAFKA_USERS)
