"""The recipe of the framework-level model: what it reads, how it splits and measures, and the shipped folder."""

from __future__ import annotations

import csv
import json
from collections import Counter
from pathlib import Path

import numpy as np
import pytest
from sklearn.metrics import cohen_kappa_score

from tagger.model import Model, verify_model
from tagger.shipped import shipped
from training import level

SHIPPED = shipped("models") / "eqf"


def units(n: int = 240) -> list[level.Unit]:
    """Two sources with 30 groups each; the verb tells the level, the topic the group."""
    verbs = ("name", "describe", "select", "solve", "plan", "evaluate", "formulate", "redefine")
    made = []
    for i in range(n):
        eqf = 5 + (i * 7 + i // 30) % 4
        text = f"{verbs[eqf - 1]} the methods of topic{i % 30}"
        made.append(level.Unit(("miun", "edinburgh")[i % 2], f"group {i % 30}", eqf, (text, text + " with others")))
    own = [level.Unit("own", f"own {i}", i % 8 + 1, (f"{verbs[i % 8]} the work of thing{i}",)) for i in range(160)]
    return made + own


def test_own_outcomes_are_distinct_and_cover_every_level() -> None:
    with (Path(level.HERE) / "outcomes.csv").open(encoding="utf-8", newline="") as file:
        rows = list(csv.DictReader(file))
    assert Counter(r["eqf"] for r in rows) == {str(k): 40 if k in (5, 6, 7) else 60 for k in range(1, 9)}
    assert len({r["text"].casefold() for r in rows}) == len(rows)
    assert all(r["text"] == " ".join(r["text"].split()) and len(r["text"].split()) >= 4 for r in rows)
    assert [u.eqf for u in level.own_units()] == [int(r["eqf"]) for r in rows]


def test_groups_and_weights() -> None:
    every = units()
    fold = level.group_folds(every, 5)
    assert set(fold.tolist()) == set(range(5))
    assert all(
        len({int(f) for u, f in zip(every, fold, strict=True) if u.group == g}) == 1 for g in ("group 3", "own 8")
    )
    weights = level.unit_weights(every)
    assert weights.mean() == pytest.approx(1)
    backwards = level.unit_weights(every[::-1])[::-1]
    assert np.allclose(weights, backwards)
    assert len(level.distinct(every + every)) == len(level.distinct(every))


def test_subject_words_are_no_features() -> None:
    vocabulary = level.shared_words(units()).vocabulary
    assert "evaluate" in vocabulary and "methods" in vocabulary
    assert not any(name.startswith(("topic", "thing")) for name in vocabulary)


def test_kappa_is_that_of_scikit_learn() -> None:
    rng = np.random.default_rng(0)
    true = rng.integers(5, 9, 300)
    predicted = np.clip(true + rng.integers(-1, 2, 300), 1, 8)
    value, low, high = level.interval([f"{i % 17}" for i in range(300)], true, predicted)
    assert value == pytest.approx(cohen_kappa_score(true, predicted, weights="quadratic"), abs=1e-3)
    assert low < value < high


def test_levels_without_data_are_never_estimated() -> None:
    x = np.eye(4, dtype=np.float32).repeat(30, axis=0)
    y = np.array([5, 6, 7, 8]).repeat(30)
    coefficients, intercept = level.fit_ordinal(x, y, np.ones(len(y)))
    assert np.isneginf(intercept[:4]).all() and np.isfinite(coefficients).all()
    assert ((x @ coefficients + intercept).argmax(axis=1) + 1 == y).all()


def test_thresholds_keep_enough() -> None:
    rng = np.random.default_rng(0)
    y = rng.integers(5, 9, 800)
    scores = -1.5 * (level.LEVELS - (y + rng.normal(0, 1, 800))[:, None]) ** 2
    p = np.exp(level.log_softmax(scores))
    thresholds = level.choose_thresholds(p, y)
    kept = p.max(axis=1) >= thresholds[p.argmax(axis=1)]
    assert thresholds.shape == (8,) and kept.mean() >= level.MIN_COVERAGE
    predicted = p.argmax(axis=1) + 1
    every = level.kappa(level.tables(y, predicted, 0 * y, 1)[0])
    assert level.kappa(level.tables(y[kept], predicted[kept], 0 * y[kept], 1)[0]) > every


def test_mismatches_are_those_of_the_check() -> None:
    p = np.full((4, 8), 0.01)
    p[:, 5] = 0.93
    y, says = np.array([6, 6, 6, 7]), np.array([True, True, False, True])
    assert level.mismatches(y, p, says) == 1
    assert level.mismatches(y, p, says, shift=2) == 4
    assert level.mismatches(y, p, says, shift=-1) == 3
    figures = level.mismatch_figures(y, p, says)
    assert (figures["false_alarms"], figures["false_alarm_rate_where_estimated"]) == (1, 0.3333)


def test_recipe_fits_measures_and_writes(tmp_path: Path) -> None:
    model, metrics = level.build(units(), None)
    assert metrics["catalogues"]["all"]["qwk"] > 0.9 and metrics["own"]["all"]["qwk"] > 0.8
    model.save(tmp_path / "eqf", card="card", sources=[], metrics=metrics, recipe="r", seed=1)
    loaded = Model.load(tmp_path / "eqf")
    assert loaded.encoder_id is None and set(loaded.options) == {"power", "shrink"}
    p = loaded.scores(["evaluate the methods", "name the methods"], None)
    assert p.shape == (2, 8) and np.allclose(p.sum(axis=1), 1, atol=1e-5)
    assert p[0].argmax() > p[1].argmax()


def test_shipped_folder_is_what_its_card_says() -> None:
    assert verify_model(SHIPPED) == []
    manifest = json.loads((SHIPPED / "manifest.json").read_text("utf-8"))
    card = (SHIPPED / "README.md").read_text("utf-8")
    metrics = manifest["metrics"]
    for part in ("catalogues", "edinburgh", "miun", "own"):
        assert str(metrics[part]["all"]["qwk"]) in card and str(metrics[part]["with_estimate"]["qwk"]) in card
        assert metrics[part]["level_mismatch"]["false_alarm_rate_where_estimated"] <= 0.05
        assert metrics[part]["level_mismatch"]["false_alarm_rate"] <= 0.05
    assert metrics["catalogues"]["with_estimate"]["qwk"] >= 0.4
    assert all("licence" in source for source in manifest["sources"])
    model = Model.load(SHIPPED)
    assert model.taxonomy.id == "eqf" and model.thresholds.shape == (8,)
