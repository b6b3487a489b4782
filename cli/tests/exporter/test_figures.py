"""What is shown of the servers, apart from asking them."""

from prometheus_client import REGISTRY

from salespipe.exporter import kafka, metrics


def test_a_topics_size_is_that_of_all_its_logs() -> None:
    shown = kafka.figures(
        {
            1: [("/a", 50, 100, {"events": 10, "dlq": 1})],
            2: [("/a", 50, 100, {"events": 5})],
        }
    )
    assert shown[metrics.KAFKA_LOG] == {"events": 15, "dlq": 1}


def test_a_brokers_fullest_disk_counts() -> None:
    shown = kafka.figures({1: [("/large", 300, 1000, {}), ("/small", 90, 100, {})]})
    assert shown[metrics.KAFKA_USABLE] == {"1": 300}
    assert shown[metrics.KAFKA_TOTAL] == {"1": 1000}


def test_a_topic_that_is_gone_is_shown_no_more() -> None:
    def size(topic: str) -> float | None:
        return REGISTRY.get_sample_value("salespipe_kafka_log_bytes", {"topic": topic})

    metrics.show({metrics.KAFKA_LOG: {"old": 1, "kept": 2}})
    metrics.show({metrics.KAFKA_LOG: {"kept": 3}})
    assert (size("old"), size("kept")) == (None, 3)
