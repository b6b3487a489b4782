"""kafka/topics.yaml and the contract name the same topics, and each says what it is for."""

from pipeline.contracts import topics as contract
from salespipe.provision.topics import declared


def test_declared_topics_are_those_of_the_contract() -> None:
    assert {topic.name for topic in declared()} == set(contract.ALL)


def test_each_topic_says_what_it_carries_and_who_uses_it() -> None:
    for topic in declared():
        assert topic.description.endswith(".")
        assert topic.producers
        assert topic.consumers
        assert topic.key
        # record time is the broker's: retention and file names hang on no producer's clock
        assert topic.config["message.timestamp.type"] == "LogAppendTime"


def test_the_events_topic_has_six_partitions() -> None:
    events = next(topic for topic in declared() if topic.name == contract.EVENTS)
    assert events.partitions == 6
