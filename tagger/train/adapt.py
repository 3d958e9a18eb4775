"""Learning on top of what a model knows already: linear heads whose prior is another linear head.

The new score of a concept is ``a * z0 + b + w . x + c``, where ``z0`` is the calibrated score of the head that it starts from, ``a``
and ``b`` are common to all concepts (how sure, and how frequent, things are in the new data), and ``w`` and ``c`` belong to the
concept. All are drawn towards no change by a quadratic penalty, so that a few examples change little and many change what they
must: the maximum of the posterior under a normal prior around the old head (as in Chelba and Acero 2004, EMNLP). How strong
the penalty is, is found by cross-validation by group. The result is again one linear head, as fast as the old one.

What nobody judged keeps what the old head said of it as its target, at a low weight: people add what is missing and reject
what is wrong, so that learning from their decisions alone would tag ever more.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from contextlib import AbstractContextManager
from dataclasses import dataclass, replace
from typing import Any, cast

import numpy as np
import numpy.typing as npt

from tagger.encoder import FloatArray
from tagger.fit import best_threshold, folds
from tagger.heads import LinearHead, sigmoid
from tagger.lexical import Lexical

__all__ = ["Adapted", "adapt", "fit_common", "one_thread", "zero_shot_head"]

Array = npt.NDArray[np.float64]
STRENGTHS = (1e6, 100.0, 30.0, 10.0, 3.0, 1.0, 0.3)
"""Penalties that are tried, strongest first: the first leaves the concepts as they are, but for `a` and `b`."""
EMBEDDING_SCALE, LEXICAL_SCALE = 8.0, 4.0
"""How much the two kinds of feature count against each other, as in the shipped SDG model."""
COMMON_PENALTY = 5.0
UNKNOWN_SCORE = -4.0
"""Score of a concept that the old head never learnt."""
SHRINKAGE = 40
"""A threshold counts as much as the one that it is drawn to when so many positives set it."""
LOWEST_THRESHOLD = 0.2


@dataclass(frozen=True, slots=True)
class Adapted:
    """A head, its thresholds, and what it says of each example when that example's group was left out.

    Attributes
    ----------
    head : LinearHead
    thresholds : ndarray of float32 (n_concepts,)
    unseen : ndarray of float32 (n_texts, n_concepts)
        Calibrated out-of-fold probabilities.
    strength : float
        The penalty that was chosen.
    """

    head: LinearHead
    thresholds: FloatArray
    unseen: FloatArray
    strength: float


def zero_shot_head(vectors: FloatArray, lexical: Lexical | None = None) -> LinearHead:
    """Return a head that knows the concepts' vectors only: the score of a concept is ten times its cosine, less five.

    Parameters
    ----------
    vectors : ndarray of float32 (n_concepts, dim)
        Unit rows.
    lexical : Lexical or None
        Vocabulary to learn from on top; it adds nothing yet.
    """
    n = len(vectors)
    weights = None if lexical is None else np.zeros((len(lexical.vocabulary), n), dtype=np.float32)
    ones, fives = np.ones(n, dtype=np.float32), np.full(n, -5.0, dtype=np.float32)
    return LinearHead(10 * vectors.T.astype(np.float32), lexical, weights, fives, ones, np.zeros(n, dtype=np.float32))


def adapt(
    prior: LinearHead,
    prior_thresholds: FloatArray,
    texts: Sequence[str],
    vectors: FloatArray | None,
    targets: FloatArray,
    groups: Sequence[str],
    *,
    anchors: tuple[Sequence[str], FloatArray | None] = ((), None),
    unjudged_weight: float = 0.3,
    anchor_weight: float = 0.3,
    lowest_threshold: float = LOWEST_THRESHOLD,
    n_folds: int = 5,
    seed: int = 0,
    progress: Callable[[str], None] = lambda _: None,
) -> Adapted:
    """Fit a head to examples, starting from another.

    Parameters
    ----------
    prior : LinearHead
    prior_thresholds : ndarray of float32 (n_concepts,)
    texts : sequence of str, length n
    vectors : ndarray of float32 (n, dim) or None
        None for a head that reads words alone.
    targets : ndarray of float32 (n, n_concepts)
        1 the concept holds, 0 it does not, NaN not known. With a softmax head, rows that sum to 1.
    groups : sequence of str, length n
    anchors : (texts, vectors)
        Other texts, of which nothing is known: there too the new head should say what the old one says.
    unjudged_weight, anchor_weight : float
        Weight of one concept that was not judged, in the examples and in the anchors. 0 leaves it out.
    lowest_threshold : float
        No threshold is lower: tags less likely than this are not wanted, however many right ones there are among them.
    n_folds, seed : int
    progress : callable
        Told in a few words what is done.

    Returns
    -------
    Adapted
    """
    with one_thread():
        return _adapt(
            prior, prior_thresholds, texts, vectors, targets, groups, anchors, unjudged_weight, anchor_weight,
            lowest_threshold, n_folds, seed, progress,
        )  # fmt: skip


def one_thread() -> AbstractContextManager[Any]:
    """Keep linear algebra to one thread: matrices are small, and sums come out the same on every machine."""
    from threadpoolctl import threadpool_limits  # comes with scikit-learn

    return cast("AbstractContextManager[Any]", threadpool_limits(limits=1))


def _adapt(
    prior: LinearHead,
    prior_thresholds: FloatArray,
    texts: Sequence[str],
    vectors: FloatArray | None,
    targets: FloatArray,
    groups: Sequence[str],
    anchors: tuple[Sequence[str], FloatArray | None],
    unjudged_weight: float,
    anchor_weight: float,
    lowest_threshold: float,
    n_folds: int,
    seed: int,
    progress: Callable[[str], None],
) -> Adapted:
    n = len(texts)
    said = prior.scores(texts, vectors).astype(np.float64)
    y: Array = targets.astype(np.float64)
    weight: Array = np.ones(targets.shape, dtype=np.float64)
    unknown = np.isnan(y)
    y[unknown], weight[unknown] = said[unknown], unjudged_weight
    if prior.softmax:
        weight = weight[:, :1]
    anchor_texts, anchor_vectors = anchors if anchor_weight > 0 else ((), None)
    features = _Features.of(prior, [*texts, *anchor_texts], _stack(vectors, anchor_vectors))
    y = np.concatenate([y, prior.scores(anchor_texts, anchor_vectors)]) if len(anchor_texts) else y
    weight = np.concatenate([weight, np.full((len(anchor_texts), weight.shape[1]), anchor_weight)])
    z0 = _calibrated(prior, [*texts, *anchor_texts], _stack(vectors, anchor_vectors))

    fold = np.concatenate([folds(groups, n_folds, seed), np.full(len(anchor_texts), -1)])
    judged = ~unknown if not prior.softmax else ~unknown[:, :1]
    losses: dict[float, Array] = {}
    unseen: dict[float, Array] = {}
    warm: dict[int, Array | None] = dict.fromkeys(range(n_folds), None)
    for strength in STRENGTHS:
        z = np.zeros((n, y.shape[1]))
        for k in range(n_folds):
            train, test = np.flatnonzero(fold != k), np.flatnonzero(fold == k)
            if len(test):
                solved = _solve(
                    features.rows(train), z0[train], y[train], weight[train], strength, prior.softmax, warm[k]
                )
                warm[k] = solved.parameters
                z[test] = solved.scores(features.rows(test), z0[test])
        loss = _loss(z, y[:n], prior.softmax) * (weight[:n] if not prior.softmax else 1.0)
        losses[strength] = np.array([loss[np.array(groups) == g].sum() for g in dict.fromkeys(groups)])
        unseen[strength] = z
        progress(f"penalty {strength:g}: loss on unseen groups {losses[strength].sum() / judged.sum():.4f}")
        if losses[strength].sum() > 1.05 * min(x.sum() for x in losses.values()):
            break
    strength = _choose(losses)
    solved = _solve(features, z0, y, weight, strength, prior.softmax, None)
    z = unseen[strength]
    slope, offset = (_temperature(z, y[:n]), 0.0) if prior.softmax else fit_common(z, y[:n], weight[:n])
    head = _head(prior, solved, features, slope, offset)
    if prior.softmax:
        p = _softmax(z * slope)
        return Adapted(head, prior_thresholds, p.astype(np.float32), strength)
    p = sigmoid(z * slope + offset).astype(np.float64)
    thresholds = _thresholds(p, y[:n], weight[:n] > 0, ~unknown, prior_thresholds, lowest_threshold)
    return Adapted(head, thresholds, p.astype(np.float32), strength)


def _stack(a: FloatArray | None, b: FloatArray | None) -> FloatArray | None:
    return a if a is None or b is None else np.concatenate([a, b])


def _calibrated(head: LinearHead, texts: Sequence[str], vectors: FloatArray | None) -> Array:
    z = (head.raw(texts, vectors) * head.slope + head.offset).astype(np.float64)
    return np.where(np.isfinite(z), z, UNKNOWN_SCORE)


@dataclass(frozen=True, slots=True)
class _Features:
    """Scaled features: vectors, and the lexical columns that occur (`active`, positions in the vocabulary)."""

    dense: Array
    sparse: Any
    active: npt.NDArray[np.int64]

    @classmethod
    def of(cls, head: LinearHead, texts: Sequence[str], vectors: FloatArray | None) -> _Features:
        from scipy import sparse

        use = head.embedding is not None and vectors is not None
        dense = (
            vectors.astype(np.float64) * EMBEDDING_SCALE if use and vectors is not None else np.zeros((len(texts), 0))
        )
        rows = [] if head.lexical is None else [head.lexical.row(t) for t in texts]
        active = np.unique(np.concatenate([r.columns for r in rows])) if rows else np.empty(0, dtype=np.int64)
        columns = [np.searchsorted(active, r.columns) for r in rows]
        matrix = sparse.csr_matrix(
            (
                np.concatenate([r.value for r in rows]).astype(np.float64) * LEXICAL_SCALE if rows else np.empty(0),
                np.concatenate(columns) if rows else np.empty(0, dtype=np.int64),
                np.cumsum([0, *(len(c) for c in columns)]) if rows else np.zeros(len(texts) + 1, dtype=np.int64),
            ),
            shape=(len(texts), len(active)),
        )
        return cls(dense, matrix, active)

    @property
    def width(self) -> int:
        return int(self.dense.shape[1] + self.sparse.shape[1])

    def rows(self, which: npt.NDArray[np.int64]) -> _Features:
        return _Features(self.dense[which], self.sparse[which], self.active)

    def times(self, w: Array) -> Array:
        """Multiply with weights (width, n_concepts)."""
        k = self.dense.shape[1]
        return np.asarray(self.dense @ w[:k] + self.sparse @ w[k:])

    def transposed_times(self, g: Array) -> Array:
        return np.concatenate([self.dense.T @ g, self.sparse.T @ g])


@dataclass(frozen=True, slots=True)
class _Solved:
    """Weights (width, n_concepts), then the concepts' own intercepts, then `a` and `b`, in one array."""

    parameters: Array
    n_concepts: int

    def parts(self) -> tuple[Array, Array, float, float]:
        p, c = self.parameters, self.n_concepts
        return p[: -c - 2].reshape(-1, c), p[-c - 2 : -2], float(p[-2]), float(p[-1])

    def scores(self, features: _Features, z0: Array) -> Array:
        w, own, a, b = self.parts()
        return a * z0 + b + features.times(w) + own


def _solve(
    features: _Features, z0: Array, y: Array, weight: Array, strength: float, softmax: bool, start: Array | None
) -> _Solved:
    from scipy.optimize import minimize

    n_concepts = z0.shape[1]
    size = features.width * n_concepts
    rest = np.zeros(size + n_concepts + 2)
    rest[-2] = 1.0
    penalty = np.full(len(rest), strength)
    penalty[-2:] = COMMON_PENALTY
    if softmax:
        penalty[-1] = 1e6  # a common constant changes nothing there

    def objective(p: Array) -> tuple[float, Array]:
        w, own, a, b = _Solved(p, n_concepts).parts()
        z = a * z0 + b + features.times(w) + own
        loss = float((_loss(z, y, softmax) * (weight[:, 0] if softmax else weight)).sum())
        g = (_softmax(z) if softmax else 0.5 * (1 + np.tanh(z / 2))) - y
        g *= weight
        gradient = np.concatenate([features.transposed_times(g).ravel(), g.sum(0), [(g * z0).sum(), g.sum()]])
        moved = p - rest
        return loss + 0.5 * float(penalty @ (moved * moved)), gradient + penalty * moved

    # In units in which every penalty is the same, so that few steps are needed.
    scale = 1 / np.sqrt(np.maximum(penalty, 1e-12))

    def scaled(q: Array) -> tuple[float, Array]:
        value, gradient = objective(rest + q * scale)
        return value, gradient * scale

    first = np.zeros(len(rest)) if start is None else (start - rest) / scale
    if strength >= STRENGTHS[0]:
        first[: size + n_concepts] = 0.0
    found = minimize(scaled, first, jac=True, method="L-BFGS-B", options={"maxiter": 200, "ftol": 1e-7})
    return _Solved(rest + found.x * scale, n_concepts)


def _softmax(z: Array) -> Array:
    e = np.exp(z - z.max(axis=1, keepdims=True))
    return np.asarray(e / e.sum(axis=1, keepdims=True))


def _loss(z: Array, y: Array, softmax: bool) -> Array:
    """Return the cross-entropy of each cell, or with softmax of each row."""
    if not softmax:
        return np.asarray(np.logaddexp(0, z) - y * z)
    top = z.max(axis=1, keepdims=True)
    return np.asarray((np.log(np.exp(z - top).sum(axis=1)) + top[:, 0]) * y.sum(axis=1) - (y * z).sum(axis=1))


def _choose(losses: dict[float, Array]) -> float:
    """Return the strongest penalty whose loss on unseen groups is within one standard error of the best."""
    best = min(losses, key=lambda s: losses[s].sum())
    for strength, by_group in losses.items():
        difference = by_group - losses[best]
        if difference.sum() <= np.sqrt(len(difference)) * difference.std():
            return strength
    return best


def fit_common(z: Array, y: Array, weight: Array) -> tuple[float, float]:
    """Fit probability = sigmoid(slope * z + offset), common to all concepts and drawn towards no change.

    All three have the same shape; `y` may lie between 0 and 1.
    """
    from scipy.optimize import minimize

    def loss(p: Array) -> tuple[float, Array]:
        raw = p[0] * z + p[1]
        g = (0.5 * (1 + np.tanh(raw / 2)) - y) * weight
        moved = p - np.array([1.0, 0.0])
        value = (_loss(raw, y, False) * weight).sum() + 0.5 * COMMON_PENALTY * moved @ moved
        return float(value), np.array([(g * z).sum(), g.sum()]) + COMMON_PENALTY * moved

    found = minimize(loss, np.array([1.0, 0.0]), jac=True, method="L-BFGS-B", bounds=[(0.05, 5.0), (None, None)])
    return float(found.x[0]), float(found.x[1])


def _temperature(z: Array, y: Array) -> float:
    from scipy.optimize import minimize_scalar

    def loss(slope: float) -> float:
        return float(_loss(slope * z, y, True).sum()) + 0.5 * COMMON_PENALTY * (slope - 1) ** 2

    return float(minimize_scalar(loss, bounds=(0.05, 5.0), method="bounded").x)


def _thresholds(
    p: Array, y: Array, used: npt.NDArray[np.bool_], judged: npt.NDArray[np.bool_], prior: FloatArray, lowest: float
) -> FloatArray:
    """Return thresholds of the best F1, a concept's own drawn to the common one, and that to the old ones.

    What was not judged counts with its probability, as so much of a positive.
    """
    n_positive = (y * judged).sum(axis=0)
    common = best_threshold(p[used], y[used])
    share = n_positive.sum() / (n_positive.sum() + SHRINKAGE)
    base = share * common + (1 - share) * prior
    own = np.array([best_threshold(p[used[:, c], c], y[used[:, c], c]) for c in range(y.shape[1])])
    drawn = (n_positive * own + SHRINKAGE * base) / (n_positive + SHRINKAGE)
    return np.asarray(np.maximum(drawn, lowest), dtype=np.float32)


def _head(prior: LinearHead, solved: _Solved, features: _Features, slope: float, offset: float) -> LinearHead:
    w, own, a, b = solved.parts()
    gain = a * prior.slope.astype(np.float64)
    old = np.where(np.isfinite(prior.intercept), prior.intercept, 0.0)
    start = np.where(np.isfinite(prior.intercept), old * prior.slope + prior.offset, UNKNOWN_SCORE)
    known = np.isfinite(prior.intercept)
    gain = np.where(known, gain, 0.0)
    embedding = lexical = None
    k = features.dense.shape[1]
    if prior.embedding is not None:
        embedding = (prior.embedding * gain + w[:k] * EMBEDDING_SCALE).astype(np.float32)
    if prior.lexical is not None and prior.lexical_weights is not None:
        weights = prior.lexical_weights * gain
        weights[features.active] += w[k:] * LEXICAL_SCALE
        lexical = weights.astype(np.float32)
    near = prior.prototypes
    prototypes = None if near is None else replace(near, weights=(near.weights * gain).astype(np.float32))
    length = None if prior.length_weights is None else (prior.length_weights * gain).astype(np.float32)
    intercept = (a * start + b + own).astype(np.float32)
    n = len(intercept)
    return LinearHead(
        embedding,
        prior.lexical,
        lexical,
        intercept,
        np.full(n, slope, dtype=np.float32),
        np.full(n, offset, dtype=np.float32),
        prior.softmax,
        prototypes,
        length,
    )
