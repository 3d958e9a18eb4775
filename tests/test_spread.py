"""How far apart outcomes lie: the two plain measures, norms given the count, and what tells one course from two."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tagger.spread import (
    CountNorm,
    adapt_count_norm,
    best_cut,
    effective_topics,
    fit_count_norm,
    mean_distance,
    similarity_features,
)


def test_effective_topics_and_distance() -> None:
    assert effective_topics(np.eye(5)) == pytest.approx(5)
    assert effective_topics(np.ones((5, 3))) == pytest.approx(1)
    assert effective_topics([[2.0, 0.0]]) == pytest.approx(1)
    assert mean_distance(np.eye(5)) == pytest.approx(1)
    assert mean_distance(np.ones((5, 3))) == pytest.approx(0)
    assert mean_distance([[1.0, 0.0], [-1.0, 0.0]]) == pytest.approx(2)


@given(st.integers(2, 12), st.integers(0, 1000))
@settings(max_examples=30, deadline=None)
def test_breadth_stays_in_range_and_knows_no_order(n: int, seed: int) -> None:
    rng = np.random.default_rng(seed)
    rows = rng.normal(size=(n, 8))
    shuffled = rows[rng.permutation(n)]
    assert 1 - 1e-9 <= effective_topics(rows) <= min(n, 8) + 1e-9
    assert 0 <= mean_distance(rows) <= 2
    assert effective_topics(shuffled) == pytest.approx(effective_topics(rows))
    assert mean_distance(shuffled) == pytest.approx(mean_distance(rows))


@pytest.mark.parametrize("bad", [np.zeros((0, 3)), np.zeros((3, 3)), np.ones(3), np.full((2, 2), np.nan)])
def test_breadth_refuses_what_has_no_direction(bad: Any) -> None:
    with pytest.raises(ValueError, match="vectors must be"):
        effective_topics(bad)
    with pytest.raises(ValueError, match="vectors must be"):
        mean_distance(bad)


# --- norms given the count


def drawn(n: int, seed: int = 0, place: float = 0.0, scale: float = 1.0) -> list[tuple[int, float]]:
    """Draw (count, value): a value that rises with the log of the count."""
    rng = np.random.default_rng(seed)
    counts = rng.integers(3, 15, n)
    values = 1.0 + 0.8 * np.log(counts / 5) + place + scale * 0.3 * rng.standard_normal(n)
    return [(int(c), float(v)) for c, v in zip(counts, values, strict=True)]


def share_above(norm: CountNorm, pairs: list[tuple[int, float]], percentile: float = 95.0) -> float:
    return float(np.mean([norm.percentile(v, n) >= percentile for n, v in pairs]))


def test_fitted_norm_holds_at_every_count() -> None:
    norm = fit_count_norm(drawn(4000))
    unseen = drawn(4000, 1)
    assert share_above(norm, unseen) == pytest.approx(0.05, abs=0.012)
    for few, many in ((3, 5), (6, 9), (10, 14)):
        part = [(n, v) for n, v in unseen if few <= n <= many]
        assert share_above(norm, part) == pytest.approx(0.05, abs=0.025)
    assert norm.value_at(0.5, 10) > norm.value_at(0.5, 4)
    with pytest.raises(ValueError, match="at least 30"):
        fit_count_norm(drawn(20))


@given(st.floats(-3, 6), st.floats(0, 2), st.integers(1, 60))
@settings(max_examples=50, deadline=None)
def test_percentile_rises_with_the_value(value: float, more: float, n: int) -> None:
    norm = fit_count_norm(drawn(300))
    assert 0 <= norm.percentile(value, n) <= norm.percentile(value + more, n) <= 100


@pytest.mark.parametrize("overloaded", [0.0, 0.1, 0.15])
def test_catalogue_of_another_place_is_calibrated_without_labels(overloaded: float) -> None:
    prior = fit_count_norm(drawn(1000))
    sound = drawn(600, 2, place=0.5, scale=1.3)
    spoilt = [(n, v + 1.5 if i < overloaded * 600 else v) for i, (n, v) in enumerate(sound)]
    unseen = drawn(4000, 3, place=0.5, scale=1.3)
    assert share_above(prior, unseen) > 0.4
    assert 0.02 <= share_above(adapt_count_norm(prior, spoilt), unseen) <= 0.09


def test_few_courses_move_a_norm_little() -> None:
    prior = fit_count_norm(drawn(1000))
    assert adapt_count_norm(prior, []) == prior
    moved = [
        abs(adapt_count_norm(prior, drawn(n, 2, place=0.5)).value_at(0.5, 5) - prior.value_at(0.5, 5))
        for n in (5, 50, 500)
    ]
    assert moved[0] < moved[1] < moved[2] < 0.6


# --- one course or two


def two_topics(n: int, within: float, across: float) -> Any:
    side = np.arange(2 * n) < n
    similarity = np.where(side[:, None] == side[None], within, across)
    np.fill_diagonal(similarity, 1.0)
    return similarity, side


def test_cut_finds_the_two_topics() -> None:
    similarity, side = two_topics(4, 0.7, 0.1)
    cut = best_cut(similarity)
    assert (cut == side).all() or (cut == ~side).all()
    rng = np.random.default_rng(0)
    order = rng.permutation(8)
    cut = best_cut(similarity[np.ix_(order, order)])
    assert (cut == side[order]).all() or (cut == ~side[order]).all()


def test_features_know_no_order_and_are_finite() -> None:
    rng = np.random.default_rng(1)
    for n in (3, 4, 9):
        rows = rng.normal(size=(n, 6))
        rows /= np.linalg.norm(rows, axis=1, keepdims=True)
        order = rng.permutation(n)
        found = similarity_features(rows @ rows.T)
        assert np.isfinite(found).all()
        assert similarity_features(rows[order] @ rows[order].T) == pytest.approx(found, abs=1e-6)
    for same in (np.eye(4), np.ones((4, 4))):
        assert np.isfinite(similarity_features(same)).all()
