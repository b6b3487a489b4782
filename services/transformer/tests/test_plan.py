"""How slices become tables, from the manifest alone."""

from types import SimpleNamespace
from typing import Any

import pytest

from transformer.plan import Publication, publications


def model(name: str, publish: dict[str, Any] | None, **changes: Any) -> Any:
    node = {
        "resource_type": "model",
        "name": name,
        "schema": "marts",
        "columns": {"sales_hour": {}, "revenue": {}},
        "config": SimpleNamespace(
            materialized=changes.pop("materialized", "incremental"),
            meta={} if publish is None else {"publish": publish},
        ),
    }
    return SimpleNamespace(**node | changes)


def test_every_incremental_model_is_published_in_one_order() -> None:
    hours = {"by": "run_hours", "key": ["sales_hour"]}
    nodes = [
        model("mart_b", hours),
        model("a_view", None, materialized="view"),
        model("a_test", None, resource_type="test"),
        model("fct_a", hours | {"by": "slice"}),
    ]
    plan = publications(nodes)
    assert [publication.table for publication in plan] == ["fct_a", "mart_b"]
    assert plan[1] == Publication(
        schema="marts",
        table="mart_b",
        columns=("sales_hour", "revenue"),
        key=("sales_hour",),
        by="run_hours",
        whole_on_withdrawal=False,
    )


def test_what_is_removed_is_named_by_a_table_or_by_the_slice_itself() -> None:
    by_hours, by_slice = publications(
        [
            model("a", {"by": "run_hours", "key": ["sales_hour"]}),
            model("b", {"by": "slice", "key": ["id"], "whole_on_withdrawal": True}),
        ]
    )
    assert (by_hours.slice, by_hours.removed_by) == ("run_a", "run_hours")
    assert (by_slice.slice, by_slice.removed_by) == ("run_b", "run_b")
    assert by_slice.whole_on_withdrawal


def test_rows_that_stay_are_updated_by_their_primary_key() -> None:
    key = SimpleNamespace(type="primary_key", columns=["sales_hour", "currency"])
    by_hours = {"by": "run_hours", "key": ["sales_hour"]}
    in_place, replaced = publications(
        [
            model("a", by_hours | {"in_place": True}, constraints=[key]),
            model("b", by_hours, constraints=[key]),
        ]
    )
    assert in_place.in_place == ("sales_hour", "currency")
    assert not replaced.in_place


def test_a_model_that_does_not_say_how_it_is_published_is_refused_at_parse() -> None:
    with pytest.raises(KeyError, match="publish"):
        publications([model("mart_x", None)])
