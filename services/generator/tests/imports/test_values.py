from decimal import Decimal

import pytest

from generator.imports.values import Numbers, Times, Unusable, fit, number_text


@pytest.mark.parametrize(
    ("written", "options", "number"),
    [
        ("12.50", {}, "12.50"),
        (" -3 ", {}, "-3"),
        (".5", {}, "0.5"),
        ("1e3", {}, "1E+3"),
        ("1.234,56", {"decimal": ",", "thousands": "."}, "1234.56"),
        ("1,234.56", {"thousands": ","}, "1234.56"),
        ("$ 9.99", {"remove": "$ "}, "9.99"),
        (0.1, {}, "0.1"),
        (2.675, {}, "2.675"),
    ],
)
def test_a_number_is_read_exactly(
    written: str | float, options: dict[str, str], number: str
) -> None:
    assert Numbers(**options).parse(written) == Decimal(number)  # type: ignore[arg-type]


@pytest.mark.parametrize("written", ["12,5", "abc", "1 2", "NaN", "inf", "--1", "1.2.3", "1_000"])
def test_what_is_no_number_is_refused(written: str) -> None:
    with pytest.raises(Unusable, match="is no number"):
        Numbers().parse(written)


def test_a_point_is_no_number_where_the_decimal_sign_is_a_comma() -> None:
    with pytest.raises(Unusable):
        Numbers(decimal=",").parse("1.234")


@pytest.mark.parametrize("written", [None, "", "  "])
def test_empty_is_no_value(written: str | None) -> None:
    assert Numbers().parse(written) is None


def test_places_beyond_the_contract_are_refused_unless_rounding_is_allowed() -> None:
    assert fit(Decimal("1.2345"), 4, rounding=False) == Decimal("1.2345")
    assert fit(Decimal("1.230000"), 2, rounding=False) == Decimal("1.23")
    with pytest.raises(Unusable, match="more than 4 places"):
        fit(Decimal("1.23456"), 4, rounding=False)
    assert fit(Decimal("-1.23455"), 4, rounding=True) == Decimal("-1.2346")
    with pytest.raises(Unusable, match="too large"):
        fit(Decimal("1e14"), 4, rounding=True)


def test_a_number_is_written_without_exponent_or_negative_zero() -> None:
    assert number_text(Decimal("1E+3")) == "1000"
    assert number_text(Decimal("-0.00")) == "0.00"
    assert number_text(Decimal("0.0001")) == "0.0001"


@pytest.mark.parametrize(
    ("form", "zone", "written", "utc", "clock"),
    [
        (None, "UTC", "2026-03-29T10:00:00+02:00", "2026-03-29T08:00:00.000Z", ""),
        (None, "UTC", "2026-03-29 10:00:00.123456", "2026-03-29T10:00:00.123456Z", ""),
        ("%Y%m%d", "UTC", "19970101", "1997-01-01T00:00:00.000Z", ""),
        ("%d/%m/%Y %H:%M", "Europe/Madrid", "01/07/2026 10:00", "2026-07-01T08:00:00.000Z", ""),
        # 02:30 does not exist on that day: it moves forward by the hour that was skipped
        ("%d/%m/%Y %H:%M", "Europe/Madrid", "29/03/2026 02:30", "2026-03-29T01:30:00.000Z", "gap"),
        # 02:30 comes twice: the first, still summer time
        (
            "%d/%m/%Y %H:%M",
            "Europe/Madrid",
            "25/10/2026 02:30",
            "2026-10-25T00:30:00.000Z",
            "overlap",
        ),
        ("epoch", "UTC", "1700000000.25", "2023-11-14T22:13:20.250Z", ""),
        ("epoch_ms", "UTC", "1700000000123", "2023-11-14T22:13:20.123Z", ""),
    ],
)
def test_a_time_becomes_utc(
    form: str | None, zone: str, written: str, utc: str, clock: str
) -> None:
    instant = Times(form, zone).parse(written)
    assert instant is not None
    assert (instant.text, instant.clock) == (utc, clock)


@pytest.mark.parametrize("written", ["31/02/2026", "tomorrow", "2026"])
def test_what_is_no_time_is_refused(written: str) -> None:
    with pytest.raises(Unusable, match="no time"):
        Times("%d/%m/%Y").parse(written)
