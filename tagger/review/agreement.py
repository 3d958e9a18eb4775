"""How far reviewers agree: shares, Cohen's and Fleiss' kappa, Krippendorff's alpha, for categories without an order."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from itertools import combinations

__all__ = ["Agreement", "agreement", "cohen_kappa", "fleiss_kappa", "krippendorff_alpha"]

Units = Sequence[Mapping[str, str]]
"""For each thing judged: reviewer to judgement."""


@dataclass(frozen=True, slots=True)
class Agreement:
    """Agreement of reviewers on what at least two of them judged.

    Attributes
    ----------
    n_units : int
        Things that at least two judged.
    reviewers : tuple of str
        Who judged any of these.
    share : float or None
        Share of pairs of judgements on the same thing that are equal; None without a pair.
    cohen, fleiss, alpha : float or None
        Cohen's kappa, for exactly two reviewers; Fleiss' kappa, for more, where all judged each thing; Krippendorff's alpha, for any
        number and with gaps. None where not defined: too few judgements, or only one category in use.
    """

    n_units: int
    reviewers: tuple[str, ...]
    share: float | None
    cohen: float | None
    fleiss: float | None
    alpha: float | None

    def render(self) -> str:
        """Return one line.

        Examples
        --------
        >>> agreement([{"A": "accept", "B": "accept"}, {"A": "accept", "B": "reject"}]).render()
        "2 judged by at least two of 2 reviewers: 50% of pairs agree, Cohen's kappa 0.00, Krippendorff's alpha 0.00"
        """
        if self.share is None:
            return "nothing was judged by two reviewers: no agreement to state"
        figures = [f"{self.share:.0%} of pairs agree"]
        for name, value in (("Cohen's kappa", self.cohen), ("Fleiss' kappa", self.fleiss)):
            if value is not None:
                figures.append(f"{name} {value + 0:.2f}")
        undefined = "not defined (one category only)"
        figures.append(f"Krippendorff's alpha {undefined if self.alpha is None else f'{self.alpha + 0:.2f}'}")
        return f"{self.n_units:,} judged by at least two of {len(self.reviewers)} reviewers: {', '.join(figures)}"


def agreement(units: Units) -> Agreement:
    """Measure agreement over all that at least two reviewers judged."""
    shared = [u for u in units if len(u) > 1]
    reviewers = tuple(sorted({r for u in shared for r in u}))
    n_pairs = n_equal = 0
    for unit in shared:
        for a, b in combinations(unit.values(), 2):
            n_pairs += 1
            n_equal += a == b
    complete = all(len(u) == len(reviewers) for u in shared)
    return Agreement(
        len(shared),
        reviewers,
        n_equal / n_pairs if n_pairs else None,
        cohen_kappa([u[reviewers[0]] for u in shared], [u[reviewers[1]] for u in shared])
        if len(reviewers) == 2
        else None,
        fleiss_kappa([list(u.values()) for u in shared]) if len(reviewers) > 2 and complete else None,
        krippendorff_alpha([list(u.values()) for u in shared]),
    )


def cohen_kappa(first: Sequence[str], second: Sequence[str]) -> float | None:
    """Return (observed - expected) / (1 - expected) for two reviewers; None if both used one and the same category only.

    Source: Cohen (1960), Educational and Psychological Measurement 20.

    Examples
    --------
    >>> round(cohen_kappa(list("yyyyynnnnn"), list("yyyynnnnny")), 2)
    0.6
    """
    n = len(first)
    if not n:
        return None
    observed = sum(a == b for a, b in zip(first, second, strict=True)) / n
    mine, theirs = Counter(first), Counter(second)
    expected = sum(mine[c] * theirs[c] for c in mine) / n**2
    return None if expected == 1 else (observed - expected) / (1 - expected)


def fleiss_kappa(units: Sequence[Sequence[str]]) -> float | None:
    """Return Fleiss' kappa for units that were all judged by the same number of reviewers; None if one category only.

    Source: Fleiss (1971), Psychological Bulletin 76.

    Examples
    --------
    >>> round(fleiss_kappa([list("aaa"), list("aab"), list("bbb"), list("abb")]), 3)
    0.333
    """
    if not units:
        return None
    n = len(units[0])
    if n < 2 or any(len(u) != n for u in units):
        raise ValueError("units must have the same number of judgements, 2 or more")
    totals: Counter[str] = Counter()
    observed = 0.0
    for unit in units:
        counts = Counter(unit)
        totals.update(counts)
        observed += (sum(c * c for c in counts.values()) - n) / (n * (n - 1))
    observed /= len(units)
    expected = sum((c / (n * len(units))) ** 2 for c in totals.values())
    return None if expected == 1 else (observed - expected) / (1 - expected)


def krippendorff_alpha(units: Sequence[Sequence[str]]) -> float | None:
    """Return Krippendorff's alpha for nominal data with gaps; None if one category only, or no unit has two judgements.

    Source: Krippendorff (2011), Computing Krippendorff's alpha-reliability: 1 - observed / expected disagreement, from
    coincidences, each unit of m judgements weighted by 1 / (m - 1).

    Examples
    --------
    >>> round(krippendorff_alpha([list("aaa"), list("aab"), list("bbb"), list("abb"), ["a"]]), 3)
    0.389
    """
    totals: Counter[str] = Counter()
    disagreement = 0.0
    for unit in units:
        m = len(unit)
        if m < 2:
            continue
        counts = Counter(unit)
        totals.update(counts)
        disagreement += (m * m - sum(c * c for c in counts.values())) / (m - 1)
    n = totals.total()
    expected = n * n - sum(c * c for c in totals.values())
    if not expected:
        return None
    return 1 - (n - 1) * disagreement / expected
