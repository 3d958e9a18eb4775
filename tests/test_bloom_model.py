from __future__ import annotations

import csv
import time
from functools import cache
from pathlib import Path

import numpy as np
import pytest

from tagger.acts import act_features
from tagger.encoder import Encoder, load_encoder
from tagger.lexicon import BLOOM_LEVELS
from tagger.model import Model
from tagger.text import strip_boilerplate

ROOT = Path(__file__).parents[1]
LEVELS = list(BLOOM_LEVELS)


@pytest.fixture(scope="module")
def model() -> Model:
    return Model.load("bloom")


@cache
def encoder() -> Encoder:
    return load_encoder()


def levels(model: Model, text: str) -> list[str]:
    start, end = strip_boilerplate(text)
    core = [text[start:end]]
    scores = model.scores(core, encoder().encode(core))[0]
    return [level for level, s, t in zip(LEVELS, scores, model.thresholds, strict=True) if s >= t]


def test_columns_are_the_levels_in_order(model: Model) -> None:
    assert [c.label.lower() for c in model.taxonomy.concepts] == LEVELS
    assert model.encoder_id == encoder().id


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("List the main components of a sound studio.", ["remember"]),
        ("Explain how interest rates affect household saving.", ["understand"]),
        ("Develop an understanding of tidal energy", ["understand"]),
        ("Apply the methods of time-series forecasting to sales data", ["apply"]),
        ("Analyse the causes of delay in a rail timetable", ["analyse"]),
        ("Analyze the causes of delay in a rail timetable", ["analyse"]),
        ("Upon completion, students will be able to critically evaluate claims in advertising", ["evaluate"]),
        ("Design a training plan for a rowing crew", ["create"]),
        ("Design and evaluate a training plan for a rowing crew", ["evaluate", "create"]),
        ("Memorise the order of the planets", ["remember"]),
        ("The module is taught in the second semester", []),
    ],
)
def test_levels_of_plain_outcomes(model: Model, text: str, expected: list[str]) -> None:
    assert levels(model, text) == expected


def test_probability_is_the_same_alone_and_in_a_batch(model: Model) -> None:
    texts = ["Describe a cell", "Build a kite", ""]
    together = model.scores(texts, encoder().encode(texts))
    assert np.allclose(together, np.concatenate([model.scores([t], encoder().encode([t])) for t in texts]))
    assert ((together >= 0) & (together <= 1)).all()


def test_shares_of_the_verb_stand_out(model: Model) -> None:
    text = "Evaluate two proposals for a new cycle lane"
    pieces = model.head.shares(text, None, LEVELS.index("evaluate"))
    verb = sum(share for start, _, share in pieces if start == 0)
    assert verb > max(sum(s for a, _, s in pieces if a == start) for start in {a for a, _, _ in pieces if a > 0})


def test_object_and_place_are_features() -> None:
    names = {name for name, _, _ in act_features("Develop and use a plan")}
    assert {"v0:develop", "v1:use", "o:use a plan", "p:develop+use", "x:develop|plan", "b:apply"} <= names
    assert not [name for name, _, _ in act_features("Use data to design wells") if name == "v:design"]


def test_features_lie_within_the_text() -> None:
    for text in ("", "—", "İstanbul'u analiz et, ŞIK", "analyse, evaluate; and design: it"):
        assert all(0 <= start < end <= len(text) for _, start, end in act_features(text))


def test_scoring_is_fast(model: Model) -> None:
    texts = [
        f"Analyse and evaluate the costs of option {n} for a small company and explain the result" for n in range(300)
    ]
    vectors = encoder().encode(texts)  # shared by every model, so not counted here
    model.scores(texts, vectors)
    best = min(_seconds(model, texts, vectors) for _ in range(5))
    assert best / len(texts) < 1e-3  # ten times the aim, for slow machines


def _seconds(model: Model, texts: list[str], vectors: np.ndarray) -> float:
    start = time.process_time()
    model.scores(texts, vectors)
    return time.process_time() - start


def test_measured_figures_hold_the_line(model: Model) -> None:
    metrics = model.manifest["metrics"]
    assert metrics["unseen_texts"]["macro"]["f1"] >= 0.905
    assert min(metrics["unseen_texts"][level]["f1"] for level in LEVELS) >= 0.87
    assert metrics["unseen_texts"]["macro"]["f1"] > metrics["tfidf_gate"]["macro"] + 0.015


def test_own_outcomes_are_well_formed() -> None:
    with (ROOT / "training" / "bloom" / "outcomes.csv").open(encoding="utf-8", newline="") as file:
        rows = list(csv.DictReader(file))
    assert len({r["text"] for r in rows}) == len(rows)
    for row in rows:
        found = [x for x in row["levels"].split(";") if x]
        assert found == sorted(set(found), key=LEVELS.index)
        assert bool(found) == (row["style"] != "course")
