"""Figures with intervals: every measure is a function of counts summed over credentials, so one resampling serves all.

Outcomes of one credential resemble one another, so intervals come from resampling whole credentials (cluster bootstrap,
Efron and Tibshirani 1993): percentiles 2.5 and 97.5. Where every resample gives the same share, 0 or 1, that would look like
certainty; the interval is then Wilson's (1927), each credential counted as one case.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

__all__ = [
    "Figure",
    "Measure",
    "draws",
    "expected_calibration_error",
    "f1",
    "macro_f1",
    "markdown",
    "quadratic_kappa",
    "ratio",
]

SEED = 20261121
N_RESAMPLES = 2000
Floats = npt.NDArray[np.float64]


@dataclass(frozen=True, slots=True)
class Measure:
    """One figure to compute.

    Attributes
    ----------
    layer, name : str
    n : int
        What it is a share of, or how many gold labels stand behind it.
    counts : sequence of sequence of float, (n_credentials, k)
    statistic : callable
        Takes sums of the counts (n_samples, k) and gives values (n_samples,), NaN where undefined.
    """

    layer: str
    name: str
    n: int
    counts: Sequence[Sequence[float]]
    statistic: Callable[[Floats], Floats]

    def evaluate(self, weights: npt.NDArray[np.int64]) -> Figure:
        """Return the figure, its interval from resamples given as `weights` (n_samples, n_credentials)."""
        counts = np.asarray(self.counts, dtype=np.float64)
        [value] = self.statistic(counts.sum(axis=0, keepdims=True))
        resampled = self.statistic(weights @ counts)
        known = resampled[~np.isnan(resampled)]
        if math.isnan(value):
            return Figure(self.layer, self.name, self.n, None, None)
        interval = None
        if known.min() < known.max():
            low, high = np.percentile(known, [2.5, 97.5])
            interval = (round(float(low), 3), round(float(high), 3))
        elif self.statistic is ratio:
            interval = _wilson(float(value), int((counts[:, 1] > 0).sum()))
        return Figure(self.layer, self.name, self.n, round(float(value), 3), interval)


@dataclass(frozen=True, slots=True)
class Figure:
    """A measured value; None where it is undefined (nothing tagged, nothing to find)."""

    layer: str
    name: str
    n: int
    value: float | None
    interval: tuple[float, float] | None

    def to_dict(self) -> dict[str, Any]:
        """Return a record for JSON."""
        interval = None if self.interval is None else list(self.interval)
        return {"layer": self.layer, "measure": self.name, "n": self.n, "value": self.value, "interval": interval}


def _wilson(share: float, n: int, z: float = 1.96) -> tuple[float, float]:
    centre, half = share + z * z / (2 * n), z * math.sqrt(share * (1 - share) / n + z * z / (4 * n * n))
    low, high = ((centre + sign * half) / (1 + z * z / n) for sign in (-1, 1))
    return round(max(low, 0.0), 3), round(min(high, 1.0), 3)


def draws(n_credentials: int, n_resamples: int = N_RESAMPLES) -> npt.NDArray[np.int64]:
    """Return how often each credential is drawn in each resample, (n_resamples, n_credentials); always the same."""
    random = np.random.default_rng(SEED)
    return random.multinomial(n_credentials, np.full(n_credentials, 1 / n_credentials), size=n_resamples)


def _divide(a: Floats, b: Floats) -> Floats:
    return np.asarray(np.divide(a, b, out=np.full(np.shape(a), np.nan), where=b != 0), dtype=np.float64)


def ratio(sums: Floats) -> Floats:
    """Return column 0 over column 1.

    Examples
    --------
    >>> ratio(np.array([[3.0, 4.0]]))
    array([0.75])
    """
    return _divide(sums[:, 0], sums[:, 1])


def f1(sums: Floats) -> Floats:
    """Return F1 from columns: tagged and right, tagged, right.

    Examples
    --------
    >>> f1(np.array([[2.0, 4.0, 4.0]]))
    array([0.5])
    """
    return _divide(2 * sums[:, 0], sums[:, 1] + sums[:, 2])


def macro_f1(sums: Floats) -> Floats:
    """Return the mean F1 over classes, from columns as in `f1` for each class; classes with nothing to find are left out."""
    by_class = sums.reshape(len(sums), -1, 3)
    hit, tagged, right = by_class[..., 0], by_class[..., 1], by_class[..., 2]
    counted = right > 0
    values = np.where(counted, 2 * hit / np.maximum(tagged + right, 1), 0.0)
    return _divide(values.sum(axis=1), counted.sum(axis=1).astype(np.float64))


def quadratic_kappa(sums: Floats) -> Floats:
    """Return Cohen's kappa with quadratic weights (Cohen 1968), from flattened square confusions.

    Examples
    --------
    >>> quadratic_kappa(np.array([[5.0, 0.0, 0.0, 5.0]]))
    array([1.])
    """
    k = math.isqrt(sums.shape[1])
    table = sums.reshape(-1, k, k)
    i, j = np.indices((k, k))
    weight = (i - j) ** 2.0
    total = np.maximum(table.sum(axis=(1, 2)), 1.0)
    expected = table.sum(axis=2)[:, :, None] * table.sum(axis=1)[:, None, :] / total[:, None, None]
    observed = (weight * table).sum(axis=(1, 2))
    return 1 - _divide(observed, (weight * expected).sum(axis=(1, 2)))


def markdown(figures: Sequence[Figure]) -> str:
    """Return the figures as one table, the layer named on its first row only."""
    lines = ["| layer | measure | n | value | 95% interval |", "|---|---|---:|---:|---|"]
    previous = None
    for figure in figures:
        layer = figure.layer if figure.layer != previous else ""
        value = "–" if figure.value is None else f"{figure.value:.3f}"
        interval = "–" if figure.interval is None else f"{figure.interval[0]:.3f} to {figure.interval[1]:.3f}"
        lines.append(f"| {layer} | {figure.name} | {figure.n:,} | {value} | {interval} |")
        previous = figure.layer
    return "\n".join(lines) + "\n"


def expected_calibration_error(p: npt.NDArray[np.floating], y: npt.NDArray[np.bool_], bins: int = 10) -> float:
    """Return the expected calibration error over equally wide bins (Naeini et al. 2015)."""
    which = np.minimum((p * bins).astype(int), bins - 1)
    return float(sum(abs(p[which == b].mean() - y[which == b].mean()) * (which == b).mean() for b in set(which)))
