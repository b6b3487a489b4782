"""As many lines as values, whatever the values are."""

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from s3_sink.lines import join, line

values = st.lists(
    st.one_of(
        st.none(),
        st.binary(max_size=20),
        st.sampled_from(
            [b"", b" ", b"\n", b"\r\n", b"{}", b'{"a":\n1}', b"\x00", b"\xff", b"{\r}"]
        ),
    ),
    min_size=1,
    max_size=20,
)


@settings(max_examples=300, deadline=None, derandomize=True)
@given(values)
def test_lines_equal_count_and_each_line_is_its_values(found: list[bytes | None]) -> None:
    joined, altered = join(found)
    lines = joined.split(b"\n")
    assert lines.pop() == b""
    assert lines == [line(value) for value in found]
    assert all(lines)
    assert altered == sum(made != value for made, value in zip(lines, found, strict=True))


@pytest.mark.parametrize(
    ("value", "expected"),
    [
        (b'{"price":12.50}', b'{"price":12.50}'),
        (b'{"a":\r\n1}', b'{"a":  1}'),
        (b"", b'""'),
        (b" \n", b'" \\n"'),
        (None, b"null"),
        (b"\xef\xbb\xbf{}", b"\xef\xbb\xbf{}"),
        (b"\x00\xff", b"\x00\xff"),
    ],
)
def test_what_becomes_of_a_value(value: bytes | None, expected: bytes) -> None:
    assert line(value) == expected
    # beside a good one, where the fast way must notice it
    assert join([b"{}", value, b"{}"])[0] == b"{}\n" + expected + b"\n{}\n"
