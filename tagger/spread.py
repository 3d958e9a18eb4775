"""How far apart the outcomes of one credential lie: measures of breadth, and the norms that they are held against.

Every measure depends on how many outcomes there are, so each is held against courses that list as many: a `CountNorm` is the
distribution of one measure given the count, fitted from a catalogue and never extrapolated beyond its counts.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import ArrayLike, NDArray

__all__ = [
    "CountNorm",
    "adapt_count_norm",
    "effective_topics",
    "fit_count_norm",
    "mean_distance",
    "similarity_features",
]

Floats = NDArray[np.float64]

_SHARES: tuple[float, ...] = (
    *(0.005, 0.01, 0.025, 0.05, 0.1, 0.2, 0.25, 0.3, 0.4, 0.5, 0.6, 0.7, 0.75, 0.8, 0.85, 0.9, 0.925),
    *(0.95, 0.965, 0.975, 0.985, 0.99, 0.995),
)
_MIDDLE_COUNT = 5.0
_TRIM = 0.975
SHRINKAGE = 50.0
"""So many courses of a catalogue's own weigh as much as the norm that it starts from."""


def effective_topics(vectors: ArrayLike) -> float:
    """Return the effective number of distinct topics among outcomes: their Vendi score of order 1.

    The exponential of the entropy of the eigenvalues of the cosine kernel over its size (Friedman and Dieng 2023,
    arXiv:2210.02410): 1 when all are alike, `n` when all are unrelated.

    Parameters
    ----------
    vectors : array (n_outcomes, dim)
        Rows need not be of unit length.

    Raises
    ------
    ValueError
        If there is no row, or one is zero or not finite.

    Examples
    --------
    >>> round(effective_topics([[1, 0], [1, 0], [0, 1]]), 3)
    1.89
    """
    rows = _unit_rows(vectors, 1)
    eigenvalues = np.linalg.svd(rows, compute_uv=False) ** 2 / len(rows)
    eigenvalues = eigenvalues[eigenvalues > 1e-12]
    return float(np.exp(-(eigenvalues @ np.log(eigenvalues))))


def mean_distance(vectors: ArrayLike) -> float:
    """Return the mean cosine distance, 0 to 2, over all pairs of outcomes.

    Parameters
    ----------
    vectors : array (n_outcomes, dim)

    Raises
    ------
    ValueError
        If there are fewer than two rows, or one is zero or not finite.

    Examples
    --------
    >>> round(mean_distance([[1, 0], [1, 0], [0, 1]]), 3)
    0.667
    """
    rows = _unit_rows(vectors, 2)
    n = len(rows)
    total = float(np.sum(rows.sum(axis=0) ** 2))  # sum of all cosines, n of them on the diagonal
    return max(1.0 - (total - n) / (n * (n - 1)), 0.0)


def _unit_rows(vectors: ArrayLike, at_least: int) -> Floats:
    rows = np.asarray(vectors, dtype=float)
    if rows.ndim != 2 or len(rows) < at_least:
        raise ValueError(
            f"vectors must be of shape (n_outcomes, dim), n_outcomes at least {at_least}. Got {rows.shape}"
        )
    lengths = np.linalg.norm(rows, axis=1, keepdims=True)
    if not (np.isfinite(lengths).all() and (lengths > 0).all()):
        raise ValueError("vectors must be finite and none of them zero")
    return np.asarray(rows / lengths)


# --- one measure given the count


@dataclass(frozen=True, slots=True)
class CountNorm:
    """How a measure is distributed among courses that list so many outcomes.

    ``z = (value - location) / scale`` with a location that is quadratic in the log of the count and a scale that is a power of it;
    then the observed shares of z. A larger value never has a lower percentile.

    Attributes
    ----------
    location : tuple of float
        Coefficients of 1, x and x² with ``x = log(n / 5)``.
    log_scale : tuple of float
        Coefficients of 1 and x.
    shares : tuple of pairs of float
        (z, share of courses below it), rising.
    counts : tuple of int
        Lowest and highest count that it was measured at; a count beyond is held against the nearest of them.

    Examples
    --------
    >>> norm = CountNorm((0.5, 0.1, 0.0), (-2.0, 0.0), ((-2.0, 0.02), (0.0, 0.5), (2.0, 0.98)), (3, 20))
    >>> norm.percentile(0.5, 5), norm.percentile(9.0, 5) > 99, round(norm.value_at(0.5, 5), 3)
    (50.0, True, 0.5)
    """

    location: tuple[float, float, float]
    log_scale: tuple[float, float]
    shares: tuple[tuple[float, float], ...]
    counts: tuple[int, int]

    def z(self, value: float, n: int) -> float:
        """Return the value in units of the scale, from the location."""
        location, scale = self._at(n)
        return (value - location) / scale

    def percentile(self, value: float, n: int) -> float:
        """Return the percentage, 0 to 100, of courses listing `n` outcomes whose value is lower."""
        z = self.z(value, n)
        at, share = [pair[0] for pair in self.shares], [pair[1] for pair in self.shares]
        if z > at[-1]:  # beyond what was observed: an exponential tail, so that the order of values is kept
            return 100.0 * (1.0 - (1.0 - share[-1]) * float(np.exp((at[-1] - z) / max(at[-1] - at[-2], 0.05))))
        if z < at[0]:
            return 100.0 * share[0] * float(np.exp((z - at[0]) / max(at[1] - at[0], 0.05)))
        return 100.0 * float(np.interp(z, at, share))

    def value_at(self, q: float, n: int) -> float:
        """Return the value that a share `q` of courses listing `n` outcomes stays below."""
        z, share = zip(*self.shares, strict=True)
        location, scale = self._at(n)
        return location + scale * float(np.interp(q, share, z))

    def _at(self, n: int) -> tuple[float, float]:
        x = float(np.log(min(max(n, self.counts[0]), self.counts[1]) / _MIDDLE_COUNT))
        a, b, c = self.location
        return a + b * x + c * x * x, float(np.exp(self.log_scale[0] + self.log_scale[1] * x))


def fit_count_norm(pairs: Sequence[tuple[int, float]]) -> CountNorm:
    """Fit the distribution of a measure given the count, from (count, value) of courses.

    Raises
    ------
    ValueError
        If there are fewer than 30 courses.
    """
    table = np.array(pairs, dtype=float).reshape(-1, 2)
    if len(table) < 30:
        raise ValueError(f"a norm of breadth needs at least 30 courses. Got {len(table)}")
    x, y = np.log(table[:, 0] / _MIDDLE_COUNT), table[:, 1]
    design = np.column_stack([np.ones_like(x), x, x * x])
    weight = np.ones_like(x)
    location, log_scale = np.zeros(3), np.zeros(2)
    ridge = np.diag([0.0, 1e-3, 1.0]) * 1.0
    for _ in range(4):
        left = design.T @ (design * weight[:, None]) + ridge
        location = np.linalg.solve(left, design.T @ (weight * y))
        size = np.abs(y - design @ location) + 1e-3 * (y.std() + 1e-9)
        slope = design[:, :2]
        log_scale = np.linalg.solve(slope.T @ slope + np.diag([0.0, 5.0]), slope.T @ np.log(size))
        weight = 1.0 / np.maximum(np.exp(2 * (slope @ log_scale)), 1e-12)
        weight /= weight.mean()
    spread = np.exp(design[:, :2] @ log_scale)
    z = (y - design @ location) / spread
    unit = float(z.std()) or 1.0
    low, high = int(np.quantile(table[:, 0], 0.005)), int(np.quantile(table[:, 0], 0.995))
    quantiles = np.maximum.accumulate(np.quantile(z / unit, _SHARES) + 1e-6 * np.arange(len(_SHARES)))
    return CountNorm(
        (float(location[0]), float(location[1]), float(location[2])),
        (float(log_scale[0] + np.log(unit)), float(log_scale[1])),
        tuple((round(float(q), 4), s) for q, s in zip(quantiles, _SHARES, strict=True)),
        (max(low, 2), max(high, low + 1)),
    )


def adapt_count_norm(
    prior: CountNorm, pairs: Sequence[tuple[int, float]], *, shrinkage: float = SHRINKAGE
) -> CountNorm:
    """Move a norm to a catalogue of which no course is known to be sound or overloaded.

    Place and scale are read from the middle of the catalogue, after leaving out what its upper end holds in excess of the prior's
    shape, so that a part that is overloaded hardly moves them; they are drawn towards the prior in proportion to ``shrinkage / (n_courses + shrinkage)``; how both change with the count, and the shape of the tail,
    stay those of the prior.

    Parameters
    ----------
    prior : CountNorm
    pairs : sequence of (count, value)
    shrinkage : float
        Weight of the prior, in courses.
    """
    if not pairs:
        return prior
    z = np.array([prior.z(value, n) for n, value in pairs])
    own = len(z) / (len(z) + shrinkage)
    knots, share = (np.array(column) for column in zip(*prior.shares, strict=True))

    def quantiles(*qs: float) -> Floats:
        return np.asarray(np.interp(qs, share, knots))

    expected = quantiles(0.5, 0.8)

    def middle(values: Floats) -> tuple[float, float]:
        """Return the median, and the spread above it in units of the prior's."""
        found = np.quantile(values, (0.5, 0.8))
        return float(found[0]), float(np.clip((found[1] - found[0]) / (expected[1] - expected[0]), 0.25, 4))

    ordered, n_kept = np.sort(z), len(z)
    tail = float(quantiles(_TRIM)[0] - expected[0])
    for _ in range(
        6
    ):  # what lies beyond the tail in excess of what the tail holds is taken for overloaded, and left out
        place, spread = middle(ordered[:n_kept])
        above = int((ordered > place + spread * tail).sum())
        usual = (1 - _TRIM) * (len(z) - max(above - (1 - _TRIM) * len(z), 0.0))
        kept = len(z) - max(round(above - usual), 0)
        if kept == n_kept:
            break
        n_kept = max(kept, len(z) // 2)
    place, spread = middle(ordered[:n_kept])
    ratio = float(np.exp(own * np.log(spread)))
    shift = own * place + (1 - own) * float(expected[0])  # where the middle of the catalogue is placed, in prior z
    # new z = (z - shift) / ratio + expected middle
    base = shift - ratio * float(expected[0])
    low, high = prior.counts
    a, b, c = prior.location
    s0, s1 = np.exp(prior.log_scale[0]), prior.log_scale[1]
    if s1 == 0.0:
        location = (a + base * float(s0), b, c)
    else:  # base * scale(x), to second order about the middle count
        k = base * float(s0)
        location = (a + k, b + k * s1, c + k * s1 * s1 / 2)
    return replace(
        prior, location=location, log_scale=(prior.log_scale[0] + float(np.log(ratio)), s1), counts=(low, high)
    )


# --- what a model of breadth reads


def similarity_features(similarity: Floats) -> list[float]:
    """Describe a matrix of cosines between outcomes by numbers that tell one course from two put together.

    Parameters
    ----------
    similarity : ndarray (n, n)
        Symmetric, ones on the diagonal; n at least 3.

    Returns
    -------
    list of float
        Mean, spread and minimum of the cosines; the largest and the second eigenvalue's share; log effective number; of the best cut
        into two (spectral, refined): its gain, the mean cosine across and the least within; of the largest gap of single linkage:
        the weakest link of the maximum spanning tree, and how far it lies below the others.
    """
    n = len(similarity)
    off = similarity[~np.eye(n, dtype=bool)].reshape(n, n - 1)
    eigenvalues, eigenvectors = np.linalg.eigh(similarity / n)
    positive = np.clip(eigenvalues, 1e-12, None)
    positive = positive / positive.sum()
    side = best_cut(similarity, eigenvectors)
    k = int(side.sum())
    across = float(similarity[np.ix_(side, ~side)].mean())
    within_a, within_b = _within(similarity, side), _within(similarity, ~side)
    gain = k * (n - k) / n / n * (_self(similarity, side) + _self(similarity, ~side) - 2 * across)
    links = np.sort(_tree(similarity))
    return [
        float(off.mean()),
        float(off.std()),
        float(off.min()),
        float(positive[-1]),
        float(positive[-2]),
        float(-(positive @ np.log(positive))),
        gain,
        across,
        min(within_a, within_b),
        (within_a * k + within_b * (n - k)) / n - across,
        float(links[0]),
        float(links.mean() - links[0]),
        float(off.max(axis=1).mean()),
        min(k, n - k) / n,
    ]


def _self(similarity: Floats, side: NDArray[np.bool_]) -> float:
    return float(similarity[np.ix_(side, side)].mean())


def _within(similarity: Floats, side: NDArray[np.bool_]) -> float:
    k = int(side.sum())
    if k < 2:
        return float(similarity[side].max(initial=-1.0, where=~np.eye(len(similarity), dtype=bool)[side]))
    return float((similarity[np.ix_(side, side)].sum() - k) / (k * (k - 1)))


def best_cut(similarity: Floats, eigenvectors: Floats | None = None) -> NDArray[np.bool_]:
    """Cut outcomes into two groups with the most variance between them: from the main axis, then by moving single ones.

    Returns
    -------
    ndarray of bool (n,)
        One side; neither is empty.
    """
    n = len(similarity)
    centred = similarity - similarity.mean(axis=0, keepdims=True)
    centred = centred - centred.mean(axis=1, keepdims=True)
    axis = np.linalg.eigh(centred)[1][:, -1]
    order = np.argsort(axis)
    sorted_ = similarity[np.ix_(order, order)]
    total = np.cumsum(np.cumsum(sorted_, axis=0), axis=1)
    k = np.arange(1, n)
    first = total[k - 1, k - 1]
    rest = total[-1, -1] - 2 * total[-1, k - 1] + first
    value = first / k + rest / (n - k)
    side = np.zeros(n, dtype=bool)
    side[order[: int(value.argmax()) + 1]] = True
    for _ in range(3):
        a, b = int(side.sum()), int((~side).sum())
        to_a, to_b = similarity[:, side].sum(axis=1), similarity[:, ~side].sum(axis=1)
        aa, bb = float(to_a[side].sum()), float(to_b[~side].sum())
        now = aa / a + bb / b
        gain = np.full(n, -np.inf)
        if a > 1:
            i = side
            gain[i] = (aa - 2 * to_a[i] + 1) / (a - 1) + (bb + 2 * to_b[i] + 1) / (b + 1)
        if b > 1:
            i = ~side
            gain[i] = (aa + 2 * to_a[i] + 1) / (a + 1) + (bb - 2 * to_b[i] + 1) / (b - 1)
        best = int(gain.argmax())
        if gain[best] <= now + 1e-9:
            break
        side[best] = ~side[best]
    return side


def _tree(similarity: Floats) -> Floats:
    """Return the n - 1 links of the maximum spanning tree (Prim)."""
    n = len(similarity)
    best = similarity[0].copy()
    inside = np.zeros(n, dtype=bool)
    inside[0] = True
    links = []
    for _ in range(n - 1):
        best[inside] = -np.inf
        i = int(best.argmax())
        links.append(float(best[i]))
        inside[i] = True
        best = np.maximum(best, similarity[i])
    return np.array(links)
