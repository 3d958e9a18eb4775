"""Learning for models that find the nearest of very many concepts: their vectors move, and their scores are calibrated again.

A concept's vector is drawn to the texts that people gave it, and pushed away from those that they refused it (relevance feedback,
Rocchio 1971). How far, and how sure a score then is, is found by cross-validation by group.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace

import numpy as np
import numpy.typing as npt

from tagger.encoder import FloatArray, Tokens
from tagger.fit import best_threshold, folds
from tagger.heads import RetrievalHead, sigmoid
from tagger.train.adapt import LOWEST_THRESHOLD, SHRINKAGE, fit_common
from tagger.train.labels import Example

__all__ = ["Moved", "adapt_nearest", "moved"]

STEPS = (0.0, 0.25, 0.5, 1.0)
REFUSED = 0.25
"""A refused text pushes a quarter as hard as an accepted one draws (Rocchio's own proportion is 0.15 to 0.75)."""
SMOOTHING = 1.0
MISSED = 1e-4
"""Probability of a concept that is not among the candidates."""
UNJUDGED_WEIGHT = 0.1


@dataclass(frozen=True, slots=True)
class Moved:
    """A head, its thresholds, and what it says of each example when that example's group was left out.

    Attributes
    ----------
    head : RetrievalHead
    thresholds : ndarray of float32 (n_concepts,)
    unseen : list of dict of int to float
        For each text, calibrated out-of-fold probabilities of its candidates.
    step : float
        How far concepts moved.
    """

    head: RetrievalHead
    thresholds: FloatArray
    unseen: list[dict[int, float]]
    step: float


def moved(
    head: RetrievalHead, vectors: FloatArray, judged: Sequence[Mapping[int, float]], step: float
) -> RetrievalHead:
    """Return the head with the vectors of judged concepts moved towards, or away from, the texts' vectors."""
    if not step:
        return head
    toward: dict[int, list[int]] = {}
    away: dict[int, list[int]] = {}
    for n, concepts in enumerate(judged):
        for concept, value in concepts.items():
            (toward if value > 0.5 else away).setdefault(concept, []).append(n)
    new = head.vectors.copy()
    for where, sign in ((toward, 1.0), (away, -REFUSED)):
        for concept, rows in where.items():
            new[concept] += sign * step * vectors[rows].sum(axis=0) / (len(rows) + SMOOTHING)
    new /= np.linalg.norm(new, axis=1, keepdims=True)
    return replace(head, vectors=new)


def adapt_nearest(
    head: RetrievalHead,
    thresholds: FloatArray,
    examples: Sequence[Example],
    vectors: FloatArray,
    tokens: Sequence[Tokens | None],
    *,
    n_folds: int = 5,
    seed: int = 0,
    progress: Callable[[str], None] = lambda _: None,
) -> Moved:
    """Fit a retrieval head to examples, starting from another.

    Parameters
    ----------
    head : RetrievalHead
    thresholds : ndarray of float32 (n_concepts,)
    examples : sequence of Example, length n
    vectors : ndarray of float32 (n, dim)
    tokens : sequence of Tokens or None, length n
    n_folds, seed : int
    progress : callable
        Told in a few words what is done.
    """
    judged = [e.judged for e in examples]
    groups = [e.group for e in examples]
    fold = folds(groups, n_folds, seed)
    found: dict[float, list[dict[int, float]]] = {}
    losses: dict[float, npt.NDArray[np.float64]] = {}
    for step in STEPS:
        said: list[dict[int, float]] = [{} for _ in examples]
        for k in range(n_folds):
            train, test = np.flatnonzero(fold != k).tolist(), np.flatnonzero(fold == k).tolist()
            without = moved(head, vectors[train], [judged[i] for i in train], step)
            for i, probabilities in zip(test, _said(without, examples, vectors, tokens, test), strict=True):
                said[i] = probabilities
        found[step] = said
        losses[step] = np.array([_loss(e, p) for e, p in zip(examples, said, strict=True)])
        progress(f"step {step:g}: loss on unseen groups {losses[step].mean():.4f}")
    best = min(losses, key=lambda s: losses[s].sum())
    step = next(
        s
        for s in STEPS
        if (losses[s] - losses[best]).sum() <= np.sqrt(len(examples)) * (losses[s] - losses[best]).std()
    )
    z, y, weight = _cells(examples, found[step], found[0.0])
    slope, offset = fit_common(z, y, weight)
    result = moved(head, vectors, judged, step)
    result = replace(result, coefficients=result.coefficients * slope, intercept=result.intercept * slope + offset)
    if result.network is not None:
        result = replace(result, network=replace(result.network, output=result.network.output * slope))
    unseen = [{c: float(sigmoid(np.array(slope * _logit(p) + offset))) for c, p in row.items()} for row in found[step]]
    p = sigmoid(slope * z + offset)
    n_positive = float((y * (weight == 1)).sum())
    threshold = n_positive * best_threshold(p, y) + SHRINKAGE * thresholds
    drawn = np.maximum(threshold / (n_positive + SHRINKAGE), LOWEST_THRESHOLD).astype(np.float32)
    return Moved(result, drawn, unseen, step)


def _said(
    head: RetrievalHead,
    examples: Sequence[Example],
    vectors: FloatArray,
    tokens: Sequence[Tokens | None],
    rows: Sequence[int],
) -> list[dict[int, float]]:
    if not rows:
        return []
    texts = [examples[i].text for i in rows]
    index, p = head.top(texts, vectors[list(rows)], head.n_candidates, [tokens[i] for i in rows])
    return [dict(zip(i, s, strict=True)) for i, s in zip(index.tolist(), p.tolist(), strict=True)]


def _truth(example: Example, said: Mapping[int, float]) -> dict[int, float]:
    return {**(dict.fromkeys(said, 0.0) if example.is_complete else {}), **example.judged}


def _loss(example: Example, said: Mapping[int, float]) -> float:
    total = 0.0
    for concept, value in _truth(example, said).items():
        p = min(max(said.get(concept, MISSED), MISSED), 1 - MISSED)
        total -= value * np.log(p) + (1 - value) * np.log(1 - p)
    return float(total)


def _logit(p: float) -> float:
    p = min(max(p, MISSED), 1 - MISSED)
    return float(np.log(p / (1 - p)))


def _cells(
    examples: Sequence[Example], said: Sequence[Mapping[int, float]], before: Sequence[Mapping[int, float]]
) -> tuple[npt.NDArray[np.float64], npt.NDArray[np.float64], npt.NDArray[np.float64]]:
    """Return score, target and weight of every candidate; what nobody judged keeps what was said before, at a low weight."""
    cells = []
    for example, row, old in zip(examples, said, before, strict=True):
        truth = _truth(example, row)
        for concept, p in row.items():
            if concept in truth:
                cells.append((_logit(p), truth[concept], 1.0))
            else:
                cells.append((_logit(p), old.get(concept, MISSED), UNJUDGED_WEIGHT))
    z, y, weight = np.array(cells, dtype=np.float64).reshape(-1, 3).T
    return z, y, weight
