"""Fitting a linear head: one linear model per concept, calibrated and thresholded on predictions for unseen groups."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
import numpy.typing as npt

from tagger.encoder import FloatArray
from tagger.heads import LinearHead, Prototypes, length_signal, sigmoid
from tagger.lexical import Lexical

__all__ = ["Fit", "best_threshold", "fit_linear", "folds", "platt"]


@dataclass(frozen=True, slots=True)
class Fit:
    """A fitted head, and what it says of each training text when that text's group was left out.

    Attributes
    ----------
    head : LinearHead
    unseen : ndarray of float32 (n_texts, n_concepts)
        Calibrated out-of-fold probabilities.
    """

    head: LinearHead
    unseen: FloatArray


def folds(groups: Sequence[str], n_folds: int, seed: int) -> npt.NDArray[np.int64]:
    """Assign each row to a fold, all rows of a group to the same one."""
    unique = sorted(set(groups))
    order = np.random.default_rng(seed).permutation(len(unique))
    fold_of = {group: int(order[i]) % n_folds for i, group in enumerate(unique)}
    return np.array([fold_of[g] for g in groups], dtype=np.int64)


def fit_linear(
    texts: Sequence[str],
    vectors: FloatArray | None,
    targets: npt.NDArray[np.float32],
    groups: Sequence[str],
    *,
    weights: npt.NDArray[np.float32] | None = None,
    calibrate_on: npt.NDArray[np.bool_] | None = None,
    lexical: Mapping[str, Any] | None = None,
    lexical_scale: float = 1.0,
    embedding_scale: float = 1.0,
    regularisation: float = 1.0,
    softmax: bool = False,
    solver: str = "lbfgs",
    prototypes: tuple[FloatArray, npt.NDArray[np.int64]] | None = None,
    prototype_scale: float = 1.0,
    length_scale: float = 0.0,
    n_folds: int = 5,
    seed: int = 0,
) -> Fit:
    """Fit a linear head.

    Parameters
    ----------
    texts : sequence of str, length n
    vectors : ndarray of float32 (n, dim) or None
        None to use words alone.
    targets : ndarray of float32 (n, n_concepts)
        1 the concept holds, 0 it does not, NaN not known: such a row is left out for that concept.
    groups : sequence of str, length n
        Rows of a group (same text, same course, same paper) are never on both sides of a split.
    weights : ndarray of float32 (n, n_concepts), or None
        Weight of each judgement.
    calibrate_on : ndarray of bool (n,) or None
        Rows on which probabilities are calibrated: those that look like what will be tagged. None for all.
    lexical : mapping or None
        Options of `Lexical.fit`; None to use vectors alone.
    lexical_scale, embedding_scale : float
        How much the two kinds of feature count against each other (they are scaled before the ridge penalty).
    regularisation : float
        scikit-learn's C.
    softmax : bool
        One of the concepts holds (each row of `targets` has one 1) instead of any number of them.
    solver : str
        ``lbfgs``: logistic regression, for dense and mixed features. ``svm``: linear support vector machine with
        squared hinge loss, several times faster on words alone; not with `softmax`.
    prototypes : (vectors, group) or None
        See `tagger.heads.Prototypes`.
    prototype_scale, length_scale : float
        As `embedding_scale`, for nearness to the prototypes and for the length of the text (0: not used).
    n_folds, seed : int

    Returns
    -------
    Fit
    """
    from scipy import sparse

    n, n_concepts = targets.shape
    vocabulary = None if lexical is None else Lexical.fit(texts, **lexical)
    parts: list[Any] = []
    if vectors is not None:
        parts.append(sparse.csr_matrix(vectors * embedding_scale))
    if vocabulary is not None:
        parts.append(_lexical_matrix(texts, vocabulary) * lexical_scale)
    dim = 0 if vectors is None else vectors.shape[1]
    n_lexical = 0 if vocabulary is None else len(vocabulary.vocabulary)
    near: Prototypes | None = None
    if prototypes is not None:
        assert vectors is not None
        near = Prototypes(*prototypes, np.zeros((int(prototypes[1].max()) + 1, n_concepts), dtype=np.float32))
        parts.append(sparse.csr_matrix(near.nearness(vectors)[0] * prototype_scale))
    if length_scale:
        parts.append(sparse.csr_matrix(np.array([[length_signal(t)] for t in texts]) * length_scale))
    x = sparse.hstack(parts).tocsr()

    fold = folds(groups, n_folds, seed)
    raw = np.zeros((n, n_concepts), dtype=np.float32)
    for k in range(n_folds):
        train, test = np.flatnonzero(fold != k), np.flatnonzero(fold == k)
        coefficients, intercept = _solve(
            x[train], targets[train], None if weights is None else weights[train], regularisation, softmax, solver
        )
        raw[test] = x[test] @ coefficients + intercept
    coefficients, intercept = _solve(x, targets, weights, regularisation, softmax, solver)

    slope, offset = np.ones(n_concepts, dtype=np.float32), np.zeros(n_concepts, dtype=np.float32)
    rows = np.ones(n, dtype=bool) if calibrate_on is None else calibrate_on
    trained = np.isfinite(intercept)
    if softmax:
        slope[:] = _temperature(raw[rows][:, trained], targets[rows][:, trained])
    else:
        for c in np.flatnonzero(trained):
            # A fold whose other folds lack a class gave no score (minus infinity): nothing to calibrate on.
            known = rows & ~np.isnan(targets[:, c]) & np.isfinite(raw[:, c])
            slope[c], offset[c] = platt(raw[known, c], targets[known, c])
    head = LinearHead(
        None if vectors is None else np.ascontiguousarray(coefficients[:dim] * embedding_scale, dtype=np.float32),
        vocabulary,
        None
        if vocabulary is None
        else np.ascontiguousarray(coefficients[dim : dim + n_lexical] * lexical_scale, dtype=np.float32),
        intercept.astype(np.float32),
        slope,
        offset,
        softmax,
        None
        if near is None
        else replace(near, weights=_rows(coefficients, dim + n_lexical, len(near.weights), prototype_scale)),
        _rows(coefficients, len(coefficients) - 1, 1, length_scale)[0] if length_scale else None,
    )
    z = raw * slope + offset
    if softmax:
        z = np.where(trained, z, -np.inf)
        e = np.exp(z - z.max(axis=1, keepdims=True))
        unseen = (e / e.sum(axis=1, keepdims=True)).astype(np.float32)
    else:
        unseen = sigmoid(z)
    return Fit(head, unseen)


def _rows(coefficients: npt.NDArray[np.float64], first: int, n: int, scale: float) -> FloatArray:
    return np.ascontiguousarray(coefficients[first : first + n] * scale, dtype=np.float32)


def _lexical_matrix(texts: Sequence[str], vocabulary: Lexical) -> Any:
    from scipy import sparse

    rows = [vocabulary.row(t) for t in texts]
    indptr = np.cumsum([0, *(len(r.columns) for r in rows)])
    index = np.concatenate([r.columns for r in rows]) if rows else np.empty(0, dtype=np.int64)
    value = np.concatenate([r.value for r in rows]) if rows else np.empty(0, dtype=np.float32)
    return sparse.csr_matrix((value, index, indptr), shape=(len(texts), len(vocabulary.vocabulary)))


def _solve(
    x: Any,
    targets: npt.NDArray[np.float32],
    weights: npt.NDArray[np.float32] | None,
    regularisation: float,
    softmax: bool,
    solver: str = "lbfgs",
) -> tuple[npt.NDArray[np.float64], npt.NDArray[np.float64]]:
    from sklearn.linear_model import LogisticRegression
    from sklearn.svm import LinearSVC

    n_concepts = targets.shape[1]
    coefficients = np.zeros((x.shape[1], n_concepts))
    intercept = np.full(n_concepts, -np.inf)
    if softmax:
        model = LogisticRegression(C=regularisation, max_iter=300)
        model.fit(x, targets.argmax(axis=1), None if weights is None else weights.max(axis=1))
        if len(model.classes_) == 2:  # scikit-learn keeps one row for two classes
            coefficients[:, model.classes_[1]], intercept[model.classes_] = model.coef_[0], 0
            intercept[model.classes_[1]] = model.intercept_[0]
        else:
            coefficients[:, model.classes_] = model.coef_.T
            intercept[model.classes_] = model.intercept_
        return coefficients, intercept
    for c in range(n_concepts):
        judged = ~np.isnan(targets[:, c])
        known = np.flatnonzero(judged if weights is None else judged & (weights[:, c] > 0))
        y = targets[known, c]
        if len(np.unique(y)) < 2:
            continue
        model = (
            LinearSVC(C=regularisation, max_iter=5000, random_state=0)
            if solver == "svm"
            else LogisticRegression(C=regularisation, max_iter=300)
        )
        model.fit(x[known], y, None if weights is None else weights[known, c])
        coefficients[:, c], intercept[c] = model.coef_[0], model.intercept_[0]
    return coefficients, intercept


def platt(raw: npt.NDArray[np.floating], y: npt.NDArray[np.floating]) -> tuple[float, float]:
    """Fit probability = sigmoid(slope * raw + offset) with Platt's (1999) smoothed targets; (1, 0) with one class only."""
    from scipy.optimize import minimize

    n_positive, n_negative = float((y == 1).sum()), float((y == 0).sum())
    if not n_positive or not n_negative:
        return 1.0, 0.0
    target = np.where(y == 1, (n_positive + 1) / (n_positive + 2), 1 / (n_negative + 2))
    raw = raw.astype(np.float64)

    def loss(p: npt.NDArray[np.float64]) -> tuple[float, npt.NDArray[np.float64]]:
        z = p[0] * raw + p[1]
        gradient = 0.5 * (1 + np.tanh(z / 2)) - target
        return float((np.logaddexp(0, z) - target * z).sum()), np.array([(gradient * raw).sum(), gradient.sum()])

    result = minimize(loss, np.array([1.0, 0.0]), jac=True, method="L-BFGS-B", bounds=[(1e-3, None), (None, None)])
    return float(result.x[0]), float(result.x[1])


def _temperature(raw: npt.NDArray[np.float32], targets: npt.NDArray[np.float32]) -> float:
    from scipy.optimize import minimize_scalar

    y = targets.argmax(axis=1)

    def loss(slope: float) -> float:
        z = raw.astype(np.float64) * slope
        z -= z.max(axis=1, keepdims=True)
        return float((np.log(np.exp(z).sum(axis=1)) - z[np.arange(len(y)), y]).mean())

    return float(minimize_scalar(loss, bounds=(0.05, 5.0), method="bounded").x)


def best_threshold(
    probability: npt.NDArray[np.floating],
    y: npt.NDArray[np.floating],
    *,
    min_precision: float = 0.0,
    floor: float = 0.1,
) -> float:
    """Return the threshold with the best F1 among those that are at least `min_precision` precise.

    Ties go to the higher threshold. When no threshold is that precise, the most precise one that still finds something is
    taken. Never below `floor`.
    """
    order = np.argsort(-probability, kind="stable")
    p, hits = probability[order], np.cumsum(y[order])
    n = np.arange(1, len(p) + 1)
    last = np.append(p[1:] < p[:-1], True) & (p >= floor)  # a threshold takes all equal scores
    if not last.any() or not hits[-1]:
        return 0.5
    precision, f1 = hits / n, 2 * hits / (n + hits[-1])
    allowed = last & (precision >= min_precision)
    best = (
        int(np.flatnonzero(allowed)[f1[allowed].argmax()])
        if allowed.any()
        else int(np.where(last, precision, -1).argmax())
    )
    upper, lower = float(p[best]), float(p[best + 1]) if best + 1 < len(p) else floor
    return max(floor, (upper + max(lower, floor)) / 2)
