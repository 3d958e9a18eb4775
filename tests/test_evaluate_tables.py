from __future__ import annotations

import numpy as np
import pytest

from training.evaluate_sdg import Line, average_precision, interval, one_or_none
from training.evaluate_skills import Case, decisions, ranking


def test_average_precision_by_hand() -> None:
    scores = np.array([[0.9, 0.1], [0.8, 0.2], [0.1, 0.3]])
    true = np.array([[True, False], [False, False], [True, False]])
    assert average_precision(scores, true) == pytest.approx((1 + 2 / 3) / 2)  # the second goal never occurs


def test_one_goal_or_none() -> None:
    scores = np.array([[0.5, 0.7], [0.5, 0.45], [0.2, 0.3]])
    assert one_or_none(scores, np.array([0.4, 0.6])).tolist() == [2, 1, 0]


def test_an_interval_holds_its_value() -> None:
    x = np.random.default_rng(0).random(200)
    value, low, high = interval(200, lambda i: float(x[i].mean()))
    assert low < value < high
    assert value == pytest.approx(x.mean())


def test_ranking_and_decisions_by_hand() -> None:
    cases = [Case("a", frozenset("xy")), Case("b", frozenset("z"))]
    found = ranking(cases, [list("xpqry"), list("pqrstz")])
    assert found["RP@5"].tolist() == [1.0, 0.0]
    assert found["R@1"].tolist() == [1.0, 0.0]
    assert decisions(cases, [frozenset("xq"), frozenset()]).tolist() == [[1, 2, 2], [0, 0, 1]]


def test_a_line_is_a_row_of_a_table() -> None:
    row = Line("set", "F1", 1200, 0.5, 0.4, 0.6, "0.45").render()
    assert row.count("|") == 7
    assert "1,200" in row
    assert "0.400–0.600" in row
