from __future__ import annotations

import numpy as np
import pytest

from tagger.fit import best_threshold, fit_linear, folds, platt

TEXTS = [f"design a {thing} number {n}" for n in range(40) for thing in ("well", "bridge")]
TARGETS = np.array([[n % 2 == 0, n % 2 == 1] for n in range(80)], dtype=np.float32)
GROUPS = [str(n // 2) for n in range(80)]


def test_a_group_is_never_split() -> None:
    fold = folds(GROUPS, 5, 0)
    assert all(fold[i] == fold[i + 1] for i in range(0, 80, 2))
    assert set(fold.tolist()) == set(range(5))


def test_fit_separates_what_words_separate() -> None:
    fit = fit_linear(TEXTS, None, TARGETS, GROUPS, lexical={"min_df": 2})
    assert ((fit.unseen > 0.5) == (TARGETS == 1)).all()
    assert fit.head.scores(["design a well"], None)[0].argmax() == 0


def test_unknown_judgements_are_left_out() -> None:
    targets = TARGETS.copy()
    targets[:, 1] = np.nan
    fit = fit_linear(TEXTS, None, targets, GROUPS, lexical={"min_df": 2})
    assert fit.head.scores(["design a bridge"], None)[0, 1] == 0  # never trained: never tagged
    assert fit.head.scores(["design a well"], None)[0, 0] > 0.5


def test_softmax_probabilities_add_up_to_one() -> None:
    fit = fit_linear(TEXTS, None, TARGETS, GROUPS, lexical={"min_df": 2}, softmax=True)
    assert np.allclose(fit.head.scores(TEXTS, None).sum(axis=1), 1, atol=1e-5)
    assert np.allclose(fit.unseen.sum(axis=1), 1, atol=1e-5)


def test_platt_recovers_the_probabilities_that_made_the_labels() -> None:
    rng = np.random.default_rng(1)
    raw = rng.normal(size=20_000)
    y = (rng.random(20_000) < 1 / (1 + np.exp(-(2 * raw - 1)))).astype(float)
    slope, offset = platt(raw, y)
    assert slope == pytest.approx(2, abs=0.1)
    assert offset == pytest.approx(-1, abs=0.1)


def test_platt_leaves_scores_alone_when_there_is_one_class() -> None:
    assert platt(np.array([1.0, 2.0]), np.array([1.0, 1.0])) == (1.0, 0.0)


def test_threshold_lies_between_the_classes() -> None:
    p = np.array([0.9, 0.8, 0.4, 0.3])
    y = np.array([1, 1, 0, 0])
    assert 0.4 < best_threshold(p, y) < 0.8


def test_threshold_is_as_precise_as_asked() -> None:
    rng = np.random.default_rng(2)
    p = rng.random(2000)
    y = (rng.random(2000) < p).astype(float)
    threshold = best_threshold(p, y, min_precision=0.9)
    assert y[p >= threshold].mean() >= 0.9
    assert threshold > best_threshold(p, y)


def test_a_concept_with_one_positive_does_not_upset_calibration() -> None:
    """In the fold that holds it nothing can be fitted: those rows have no score to calibrate on."""
    targets = TARGETS.copy()
    targets[:, 1] = 0
    targets[7, 1] = 1
    fit = fit_linear(TEXTS, None, targets, GROUPS, lexical={"min_df": 2})
    assert np.isfinite(fit.head.slope).all() and np.isfinite(fit.head.offset).all() and np.isfinite(fit.unseen).all()
    assert fit.unseen[7, 1] == 0
