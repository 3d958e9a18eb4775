from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from tagger.encoder import Tokens
from tagger.fit import fit_linear
from tagger.heads import SIGNALS, Network, Prototypes, attention_cosine, length_signal, sigmoid
from tagger.model import Model, build_retrieval
from tagger.taxonomy import load_taxonomy


def unit(x: np.ndarray) -> np.ndarray:
    return (x / np.linalg.norm(x, axis=-1, keepdims=True)).astype(np.float32)


def test_attention_cosine_is_that_of_the_attended_sum() -> None:
    rng = np.random.default_rng(0)
    tokens, concepts = rng.normal(size=(7, 16)).astype(np.float32), unit(rng.normal(size=(5, 16)))
    found = attention_cosine(tokens, concepts)
    for c, concept in enumerate(concepts):
        weight = np.exp(tokens @ concept)
        pooled = (weight / weight.sum()) @ tokens
        assert found[c] == pytest.approx(pooled @ concept / np.linalg.norm(pooled), abs=1e-5)


def test_a_concept_that_one_token_names_beats_one_that_all_touch_on() -> None:
    named, vague = unit(np.array([1.0, 0, 0, 0])), unit(np.array([0, 1.0, 1.0, 1.0]))
    tokens = np.array([[9.0, 0, 0, 0], [0, 2.0, 0, 0], [0, 0, 2.0, 0], [0, 0, 0, 2.0]], dtype=np.float32)
    mean = unit(tokens.mean(axis=0))
    by_token = attention_cosine(tokens, np.stack([named, vague]))
    assert by_token[0] > mean @ named
    assert by_token[0] == pytest.approx(1.0, abs=0.01)


@pytest.fixture(scope="module")
def bloom_vectors() -> np.ndarray:
    return unit(np.random.default_rng(1).normal(size=(6, 8)))


def test_tokens_change_the_order_of_candidates(bloom_vectors: np.ndarray) -> None:
    coefficients = np.zeros(len(SIGNALS), dtype=np.float32)
    coefficients[1] = 5.0
    head = build_retrieval(load_taxonomy("bloom"), bloom_vectors, coefficients, 0.0)
    vector = unit(bloom_vectors[0] + 0.9 * bloom_vectors[1])[None]
    spans = np.zeros((3, 2), dtype=np.int32)
    tokens = Tokens((20 * bloom_vectors[[1, 1, 1]]).astype(np.float32), spans)
    assert head.top(["x"], vector, 1)[0][0, 0] == 0
    assert head.top(["x"], vector, 1, [tokens])[0][0, 0] == 1


def test_a_network_adds_to_the_linear_score(bloom_vectors: np.ndarray) -> None:
    rng = np.random.default_rng(2)
    network = Network(
        *(
            rng.normal(size=shape).astype(np.float32) for shape in ((len(SIGNALS), 3), (3,), (3,))
        )  # hidden, bias, output
    )
    head = build_retrieval(load_taxonomy("bloom"), bloom_vectors, np.ones(len(SIGNALS)), -1.0, network=network)
    index, signals = head.candidates(["apply a rule"], bloom_vectors[:1])
    z = signals[0] @ np.ones(len(SIGNALS)) - 1.0 + np.tanh(signals[0] @ network.hidden + network.bias) @ network.output
    best, probability = head.top(["apply a rule"], bloom_vectors[:1], 6)
    expected = dict(zip(index[0].tolist(), sigmoid(z).tolist(), strict=True))
    assert probability[0] == pytest.approx([expected[i] for i in best[0].tolist()], abs=1e-5)
    assert list(probability[0]) == sorted(probability[0], reverse=True)


def test_length_counts_words_not_characters() -> None:
    assert length_signal("") == 0
    assert length_signal("incomprehensibilities " * 25) == 0
    assert 0 < length_signal("a " * 40) < length_signal("a " * 80) < 1


def prototypes() -> Prototypes:
    vectors = unit(np.array([[1.0, 0, 0], [0, 1.0, 0], [0, 0, 1.0]]))
    return Prototypes(vectors, np.array([0, 0, 1]), np.array([[2.0, 0], [0, -1.0]], dtype=np.float32))


def test_nearness_is_that_of_the_nearest_description_of_the_group() -> None:
    near, which = prototypes().nearness(unit(np.array([[0.1, 1.0, 0.3]])))
    assert which.tolist() == [[1, 2]]
    assert near[0, 0] > near[0, 1]


def test_what_prototypes_add_is_linear_in_the_vector() -> None:
    vector = unit(np.array([0.1, 1.0, 0.3]))
    near, _ = prototypes().nearness(vector[None])
    for concept in (0, 1):
        assert prototypes().direction(vector, concept) @ vector == pytest.approx(
            near[0] @ prototypes().weights[:, concept]
        )


def test_a_head_with_prototypes_and_length_is_saved_and_loaded(tmp_path: Path) -> None:
    rng = np.random.default_rng(3)
    vectors = unit(rng.normal(size=(60, 8)))
    descriptions = unit(rng.normal(size=(4, 8)))
    near = vectors @ descriptions.T
    y = np.tile((near[:, :2].max(1) > near[:, 2:].max(1))[:, None], (1, 6)).astype(np.float32)
    texts = [f"word{n % 7} " * (20 + 5 * n) for n in range(60)]
    fit = fit_linear(
        texts,
        vectors,
        y,
        [str(n) for n in range(60)],
        lexical={"min_df": 2},
        lexical_scale=0.1,
        prototypes=(descriptions, np.array([0, 0, 1, 1])),
        prototype_scale=8.0,
        length_scale=1.0,
        regularisation=10.0,
    )
    assert ((fit.head.scores(texts, vectors)[:, 0] > 0.5) == (y[:, 0] == 1)).mean() > 0.9
    weights = fit.head.prototypes.weights if fit.head.prototypes else np.zeros((2, 6))
    assert weights[0, 0] > 0 > weights[1, 0]
    assert fit.head.length_weights is not None
    taxonomy = load_taxonomy("bloom")
    Model("m", "1", taxonomy, fit.head, np.full(6, 0.5, dtype=np.float32), None).save(tmp_path / "m")
    loaded = Model.load(tmp_path / "m")
    assert loaded.scores(texts, vectors) == pytest.approx(fit.head.scores(texts, vectors), abs=2e-3)
    assert replace(fit.head, prototypes=None).scores(texts, vectors) != pytest.approx(fit.head.scores(texts, vectors))
