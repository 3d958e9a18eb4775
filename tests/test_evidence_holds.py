"""Deleting the evidence of a tag lowers its score; deleting as much elsewhere mostly does not."""

from __future__ import annotations

import csv
import random
from pathlib import Path

import numpy as np
import pytest

from tagger.records import Credential, LearningOutcome
from tagger.tagging import Tagger
from tagger.text import words

OUTCOMES = Path(__file__).parents[1] / "training" / "sdg" / "outcomes.csv"


@pytest.fixture(scope="module")
def drops() -> tuple[np.ndarray, np.ndarray]:
    """Return how far the goal's score falls without its evidence, and without as many words elsewhere."""
    with OUTCOMES.open(encoding="utf-8", newline="") as file:
        texts = [row["text"] for row in csv.DictReader(file) if row["kind"] == "positive"]
    rng = random.Random(1)
    texts = [t for t in rng.sample(texts, 400) if len(words(t)) >= 10]
    tagger = Tagger.load(["sdg"])
    model = tagger.models[0]
    tagged = tagger.tag(Credential(str(n), outcomes=(LearningOutcome(str(n), t),)) for n, t in enumerate(texts))
    before, without, elsewhere, concepts = [], [], [], []
    for text, credential in zip(texts, tagged, strict=True):
        for tag in credential.outcomes[0].tags:
            [evidence] = tag.evidence
            inside = [w for w in words(text) if evidence.start <= w.start < evidence.end]
            outside = [w for w in words(text) if not evidence.start <= w.start < evidence.end]
            starts = [i for i in range(len(outside) - len(inside) + 1)]
            if not inside or not starts:
                continue
            first = rng.choice(starts)
            other = {w.start for w in outside[first : first + len(inside)]}
            before.append(tag.score)
            concepts.append(model.taxonomy.index(tag.concept))
            without.append(" ".join(w.text for w in outside))
            elsewhere.append(" ".join(w.text for w in words(text) if w.start not in other))
    rows = np.arange(len(before))
    score = [model.scores(t, tagger.encoder.encode(t))[rows, concepts] for t in (without, elsewhere)]
    return np.array(before) - score[0], np.array(before) - score[1]


def test_without_its_evidence_a_tag_is_less_likely(drops: tuple[np.ndarray, np.ndarray]) -> None:
    without, _ = drops
    assert len(without) > 60
    assert (without > 0).mean() > 0.95
    assert np.median(without) > 0.4


def test_without_as_many_other_words_it_mostly_stands(drops: tuple[np.ndarray, np.ndarray]) -> None:
    without, elsewhere = drops
    assert np.median(elsewhere) < 0.1
    assert (elsewhere < without).mean() > 0.9
