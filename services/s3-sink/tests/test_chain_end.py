"""Where reading goes on, by what bucket and log said."""

import pytest

from s3_sink.chain import ChainBroken, Found
from s3_sink.chain_end import Evidence, Place, place

LAST = Found("sales_…-o0.json.gz", 30)


@pytest.mark.parametrize(
    ("evidence", "offset"),
    [
        (Evidence(None), 10),
        (Evidence(LAST, log_end=40), 30),
        (Evidence(LAST, log_end=30), 30),
        (Evidence(None, listed=True), 10),
        (Evidence(None, listed=True, floor=10, log_start=5), 10),
        (Evidence(None, listed=True, floor=20), 20),
        (Evidence(LAST, listed=True, floor=35, log_end=40), 30),
        (Evidence(Found("k", 8), listed=True, log_end=40), 8),
        (Evidence(Found("k", 10), listed=True, log_end=40), 10),
    ],
)
def test_reading_goes_on_where_the_chain_ends(evidence: Evidence, offset: int) -> None:
    at = place(10, evidence)
    assert (at.offset, at.gap) == (offset, None)


def test_what_retention_took_is_a_gap() -> None:
    evidence = Evidence(Found("k", 8), listed=True, log_start=25, log_end=40)
    assert place(10, evidence) == Place(25, gap=range(8, 25))
    assert place(25, evidence) == Place(25, gap=range(8, 25)), "counted, then gone on behind it"


def test_a_chain_that_ends_where_the_file_begins_has_no_gap() -> None:
    """The log may begin later: the file's records were read before retention took them."""
    assert place(10, Evidence(None, listed=True, floor=10, log_start=25)) == Place(10)


@pytest.mark.parametrize("end", [10, 5, 31])
def test_an_object_that_ends_before_the_file_or_behind_the_log_breaks_the_chain(end: int) -> None:
    with pytest.raises(ChainBroken, match="created anew"):
        place(10, Evidence(Found("k", end), log_end=30))
