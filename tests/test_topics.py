"""Outcomes by topic."""

from __future__ import annotations

import numpy as np
import pytest

from tagger.topics import group_outcomes, group_terms


def blocks(*sizes: int, within: float = 0.7, across: float = 0.1) -> np.ndarray:
    label = np.repeat(np.arange(len(sizes)), sizes)
    similarity = np.where(label[:, None] == label[None], within, across)
    np.fill_diagonal(similarity, 1.0)
    return similarity


@pytest.mark.parametrize("sizes", [(3, 3), (2, 4), (3, 2, 4), (2, 2, 2, 2)])
def test_groups_are_found(sizes: tuple[int, ...]) -> None:
    ends = np.cumsum(sizes)
    expected = [list(range(end - size, end)) for size, end in zip(sizes, ends, strict=True)]
    assert group_outcomes(blocks(*sizes)) == expected


def test_no_group_is_a_single_outcome() -> None:
    similarity = blocks(3, 3, 1)
    similarity[6, :3] = similarity[:3, 6] = 0.2
    assert group_outcomes(similarity) == [[0, 1, 2, 6], [3, 4, 5]]
    assert group_outcomes(np.eye(3)) == [[0, 1, 2]]


def test_every_outcome_is_in_one_group() -> None:
    rng = np.random.default_rng(0)
    for n in range(3, 14):
        rows = rng.normal(size=(n, 5))
        rows /= np.linalg.norm(rows, axis=1, keepdims=True)
        groups = group_outcomes(rows @ rows.T)
        assert sorted(i for g in groups for i in g) == list(range(n))
        assert len(groups) == 1 or min(map(len, groups)) >= 2


def test_terms_are_words_of_the_group() -> None:
    texts = ["Graft apple trees", "Prune apple trees in winter", "File a tax return", "Plan a tax audit"]
    first, second = group_terms(texts, [[0, 1], [2, 3]])
    assert {"apple", "trees"} <= set(first) and "tax" in second and not set(first) & set(second)
