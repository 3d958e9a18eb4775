"""Outcomes by topic: which of them belong together, what each group is about, and what it would be on its own."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from tagger.heads import STOP_WORDS, stem
from tagger.text import action_verbs, words

__all__ = ["group_outcomes", "group_terms"]

Floats = NDArray[np.float64]
MAX_GROUPS = 5
MIN_GROUP = 2


def group_outcomes(similarity: Floats) -> list[list[int]]:
    """Group outcomes by topic: average linkage, cut where the groups stand apart most (mean silhouette), singles joined.

    Parameters
    ----------
    similarity : ndarray (n, n)
        Cosines, ones on the diagonal.

    Returns
    -------
    list of list of int
        Indices, each group and the groups in the order of the outcomes; one group where no two of at least two outcomes
        stand apart. No group is smaller than two.

    Examples
    --------
    >>> group_outcomes(np.array([[1, 0.9, 0, 0.1], [0.9, 1, 0.1, 0], [0, 0.1, 1, 0.8], [0.1, 0, 0.8, 1]]))
    [[0, 1], [2, 3]]
    """
    from scipy.cluster.hierarchy import fcluster, linkage
    from scipy.spatial.distance import squareform

    n = len(similarity)
    if n < 2 * MIN_GROUP:
        return [list(range(n))]
    distance = np.clip(1.0 - (similarity + similarity.T) / 2, 0.0, 2.0)
    np.fill_diagonal(distance, 0.0)
    tree = linkage(squareform(distance, checks=False), "average")
    best: tuple[float, list[list[int]]] = (0.0, [list(range(n))])
    for k in range(2, min(MAX_GROUPS, n // MIN_GROUP) + 1):
        labels = fcluster(tree, k, "maxclust")
        groups = _joined([np.flatnonzero(labels == label).tolist() for label in np.unique(labels)], similarity)
        if len(groups) > 1 and (score := _silhouette(distance, groups)) > best[0] + 1e-9:
            best = (score, groups)
    return best[1]


def _joined(groups: list[list[int]], similarity: Floats) -> list[list[int]]:
    """Join each group that is too small to the one that it is nearest to."""
    groups = [list(g) for g in groups]
    while len(groups) > 1 and min(map(len, groups)) < MIN_GROUP:
        small = min(range(len(groups)), key=lambda i: (len(groups[i]), groups[i]))
        own = groups.pop(small)
        nearest = max(range(len(groups)), key=lambda i: float(similarity[np.ix_(own, groups[i])].mean()))
        groups[nearest] += own
    return sorted(sorted(g) for g in groups)


def _silhouette(distance: Floats, groups: list[list[int]]) -> float:
    values = []
    for group in groups:
        others = [g for g in groups if g is not group]
        for i in group:
            near = float(distance[i, [j for j in group if j != i]].mean())
            far = min(float(distance[i, g].mean()) for g in others)
            values.append((far - near) / max(far, near, 1e-9))
    return float(np.mean(values))


def group_terms(texts: Sequence[str], groups: Sequence[Sequence[int]], n_terms: int = 3) -> list[tuple[str, ...]]:
    """Return, for each group, the words that mark it off from the others, as they are first written.

    Examples
    --------
    >>> group_terms(["Design water tanks", "Test water quality", "Read a budget"], [[0, 1], [2]], 1)
    [('water',), ('budget',)]
    """
    stems: list[dict[str, str]] = []
    for text in texts:
        verbs = {v.start for v in action_verbs(text)}
        stems.append(
            {
                stem(w.text): w.text.lower()
                for w in reversed(words(text))
                if w.start not in verbs
                and len(w.text) > 2
                and w.text.lower() not in STOP_WORDS
                and re.search(r"[^\W\d]", w.text)
            }
        )
    everywhere = Counter(s for found in stems for s in found)
    terms = []
    for group in groups:
        inside = Counter(s for i in group for s in stems[i])
        first = {s: w for i in reversed(group) for s, w in stems[i].items()}
        rank = sorted(inside, key=lambda s: (-(inside[s] ** 1.5) / everywhere[s], -len(s), s))
        terms.append(tuple(first[s] for s in rank[:n_terms]))
    return terms
