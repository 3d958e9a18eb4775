from __future__ import annotations

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from tagger.heads import LinearHead, stem, stems, word_shares
from tagger.lexical import Lexical, features

TEXTS = ["Design a well", "Design a bridge", "Explain a bridge"]


def test_vocabulary_keeps_what_occurs_often_enough() -> None:
    lexical = Lexical.fit(TEXTS, min_df=2, n_words=2, n_first=1)
    assert set(lexical.vocabulary) == {"a", "a bridge", "bridge", "design", "design a", "0=design"}


def test_row_is_of_unit_length_and_empty_without_known_words() -> None:
    lexical = Lexical.fit(TEXTS, min_df=1)
    assert np.isclose((lexical.row("Design a well").value ** 2).sum(), 1)
    assert len(lexical.row("völlig anders").columns) == 0


@given(st.text(max_size=200))
def test_every_feature_lies_within_the_text(text: str) -> None:
    for feature in features(text, 3, 3):
        assert 0 <= feature.start < feature.end <= len(text)


def test_shares_add_up_to_the_score() -> None:
    lexical = Lexical.fit(TEXTS, min_df=1)
    weights = np.random.default_rng(0).normal(size=(len(lexical.vocabulary), 2)).astype(np.float32)
    one = np.ones(2, dtype=np.float32)
    head = LinearHead(None, lexical, weights, 0 * one, one, 0 * one)
    text = "Design a bridge and explain a bridge"
    total = sum(s for _, _, s in word_shares(text, head.shares(text, None, 1)))
    assert np.isclose(total, head.raw([text], None)[0, 1], atol=1e-5)


def test_stems_join_the_forms_of_a_word() -> None:
    assert stem("analyses") == stem("analyse")
    assert stem("communities") == stem("community")
    assert stems("the welding of a pipe") == {stem("welding"), stem("pipe")}
