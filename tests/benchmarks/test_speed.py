"""Speed as ratios against a reference in the same run; no absolute time is asserted."""

from __future__ import annotations

import shutil
import time
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import pytest

from tagger import zero_shot
from tagger.model import Model
from tagger.records import Credential, LearningOutcome
from tagger.tagging import Tagger
from tagger.taxonomy import load_taxonomy
from tagger.wording import check_draft


def seconds(work: Callable[[], object], repeats: int = 3) -> float:
    """Return the least processor time of some runs, which other load on the machine disturbs least."""
    best = float("inf")
    for _ in range(repeats):
        start = time.process_time()
        work()
        best = min(best, time.process_time() - start)
    return best


def credentials(n: int, distinct: int) -> list[Credential]:
    texts = [f"Evaluate method {k} for treating water, waste and soil on a farm of size {k}" for k in range(distinct)]
    return [
        Credential(str(i), outcomes=tuple(LearningOutcome(f"{i}/{j}", texts[(i + j) % distinct]) for j in range(4)))
        for i in range(n)
    ]


def test_repeated_texts_cost_next_to_nothing(shipped_tagger: Tagger) -> None:
    """A text is encoded and tagged once: 16 times the outcomes, the same texts, far less than 16 times the work."""

    def tag(n: int) -> Callable[[], object]:
        return lambda: list(Tagger(shipped_tagger.models, shipped_tagger.encoder).tag(credentials(n, 64)))

    assert seconds(tag(256)) < 10 * seconds(tag(16))  # findings are made for each credential anew


def test_heads_cost_less_than_the_encoder(shipped_tagger: Tagger) -> None:
    """Tagging one text with every linear model costs less than encoding it."""
    texts = [c.outcomes[0].text for c in credentials(128, 128)]
    vectors = shipped_tagger.encoder.encode(texts)
    encode = seconds(lambda: shipped_tagger.encoder.encode(texts))
    for name in ("sdg", "bloom", "eqf"):
        model = shipped_tagger.model_for(name)
        model.scores(texts, vectors)
        assert seconds(lambda model=model: model.scores(texts, vectors)) < encode  # type: ignore[misc]


def test_an_imported_taxonomy_loads_as_fast_as_the_shipped_one(shipped_tagger: Tagger, tmp_path: Path) -> None:
    """13,939 concepts with their vectors in a folder: at most twice what the shipped skills model costs."""
    esco, encoder = shipped_tagger.model_for("esco"), shipped_tagger.encoder
    shutil.copytree(esco.taxonomy.path, tmp_path / "own")
    taxonomy = load_taxonomy(tmp_path / "own")
    facts = zero_shot._calibration(taxonomy, encoder, None)
    model = replace(esco, taxonomy=taxonomy)
    model.save(tmp_path / "own" / "model", encoder_sha256=encoder.sha256, calibration=facts)

    def own() -> object:
        return zero_shot.model_for_taxonomy(tmp_path / "own", encoder, say=pytest.fail)

    shipped = seconds(lambda: Model.load("esco", encoder_id=encoder.id, encoder_sha256=encoder.sha256))
    assert seconds(own) < 2 * shipped


def test_linking_costs_less_than_encoding(shipped_tagger: Tagger) -> None:
    """Brute force over 13,939 concepts, 100 of them token by token, and re-scoring: less than the encoder needs for the same texts."""
    texts = [c.outcomes[0].text for c in credentials(128, 128)]
    encode = seconds(lambda: shipped_tagger.encoder.encode(texts))
    vectors, tokens = shipped_tagger._encode(texts)
    model = shipped_tagger.model_for("esco")
    model.top(texts, vectors, 10, tokens)
    assert seconds(lambda: model.top(texts, vectors, 10, tokens)) < encode


def test_checking_a_draft_costs_about_as_much_as_encoding_it(shipped_tagger: Tagger) -> None:
    """An editor may check at every pause: the wording of a draft of ten outcomes costs no more than two or three encodings of it."""
    texts = [f"Understand method {k} for treating water on a farm of size {k}" for k in range(10)]
    draft = "\n".join(f"- {text}" for text in texts)
    assert check_draft(draft)
    assert seconds(lambda: check_draft(draft)) < 3 * seconds(lambda: shipped_tagger.encoder.encode(texts))
