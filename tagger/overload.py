"""How many outcomes a credential lists for its size, and how far apart they lie.

A count is held against what courses of the same size list (`tagger.density`).

Only the finding ``density`` is made here. Breadth is computed (`effective_topics`, `mean_distance`) but held against
no norm yet, so it makes no finding; ``overloaded``, which would join the two, would only repeat ``density`` and is left
out for the same reason.
"""

from __future__ import annotations

import math
import re
import unicodedata
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike, NDArray

from tagger.density import DensityNorm, load_norm
from tagger.records import Credential, Finding, LearningOutcome, Size
from tagger.size import resolve_hours
from tagger.text import action_verbs

__all__ = ["OutcomeCount", "check", "count_outcomes", "effective_topics", "mean_distance"]

SAME_COSINE = 0.92
"""Cosine from which two outcomes of one credential count as one."""
MIN_OUTCOMES = 3
AMBER, RED = 95.0, 99.0

Floats = NDArray[np.float64]


# --- counting


@dataclass(frozen=True, slots=True)
class OutcomeCount:
    """Distinct stated outcomes of a credential.

    Attributes
    ----------
    n : int
        Distinct outcomes, with several acts in one counted apart if that was asked for.
    counted : tuple of str
        Ids of the distinct outcomes.
    repeated : tuple of pairs of str
        (id of an outcome that says the same again, id of the one it repeats).
    several : tuple of (str, int)
        Outcomes in which several acts were counted, and how many.
    """

    n: int
    counted: tuple[str, ...]
    repeated: tuple[tuple[str, str], ...] = ()
    several: tuple[tuple[str, int], ...] = ()


def count_outcomes(
    outcomes: Sequence[LearningOutcome],
    vectors: ArrayLike | None = None,
    *,
    acts: bool = True,
) -> OutcomeCount:
    """Count distinct stated outcomes.

    Parameters
    ----------
    outcomes : sequence of LearningOutcome
        Those that are not stated ones (`is_stated`) are passed over.
    vectors : array (n_outcomes, dim) or None
        Unit rows, parallel to `outcomes`. Two outcomes with a cosine of 0.92 or more count once. Without vectors, or
        with vectors of another shape, only texts that are equal but for case and punctuation do.
    acts : bool
        Count coordinated verbs with objects of their own apart ("analyse data and design experiments": 2; "analyse and
        evaluate data": 1), at most three an outcome. Acts are read in English only.

    Examples
    --------
    >>> texts = ["Analyse data and explain their meaning.", "Write reports.", "write reports"]
    >>> count_outcomes([LearningOutcome(f"x/{i}", t) for i, t in enumerate(texts, 1)])
    OutcomeCount(n=3, counted=('x/1', 'x/2'), repeated=(('x/3', 'x/2'),), several=(('x/1', 2),))
    """
    matrix = _matrix(vectors, len(outcomes))
    firsts: list[int] = []
    texts: dict[str, int] = {}
    repeated: list[tuple[str, str]] = []
    for i, outcome in enumerate(outcomes):
        if not outcome.is_stated or not (text := _normalised(outcome.text)):
            continue
        first = texts.get(text)
        if first is None and matrix is not None and firsts:
            near = matrix[firsts] @ matrix[i]
            first = firsts[int(near.argmax())] if near.max() >= SAME_COSINE else None
        if first is None:
            firsts.append(i)
        else:
            repeated.append((outcome.id, outcomes[first].id))
        texts.setdefault(text, i if first is None else first)
    numbers = [(outcomes[i].id, _n_acts(outcomes[i].text) if acts else 1) for i in firsts]
    several = tuple((name, n) for name, n in numbers if n > 1)
    return OutcomeCount(sum(n for _, n in numbers), tuple(name for name, _ in numbers), tuple(repeated), several)


def _matrix(vectors: ArrayLike | None, n: int) -> Floats | None:
    """Return the vectors as an array of unit rows if they fit, None if not; a row that is not finite becomes zero."""
    if vectors is None:
        return None
    try:
        matrix = np.asarray(vectors, dtype=float)
    except (TypeError, ValueError):
        return None
    if matrix.ndim != 2 or len(matrix) != n or not matrix.shape[1]:
        return None
    matrix = np.where(np.isfinite(matrix).all(axis=1, keepdims=True), matrix, 0.0)
    norms = np.linalg.norm(matrix, axis=1, keepdims=True)
    return np.where(norms > 0, matrix / np.maximum(norms, 1e-12), 0.0)


def _normalised(text: str) -> str:
    return " ".join(re.findall(r"\w+", unicodedata.normalize("NFKC", text).casefold()))


_MAX_ACTS = 3
_COORDINATED = re.compile(
    r"(?:[,;]|\b(?:and|or|then|as well as)\b)[\s,;]*(?:(?:then|also|to|[a-z]+ly)\s+)*$", re.IGNORECASE
)
_NO_OBJECT = frozenset(
    re.findall(
        r"\w+",
        "a about also an and as at both by critically either for from in into of on or "
        "over the their then through to upon well with your",
    )
)


def _is_english(language: object) -> bool:
    """Return whether a language tag is English; no tag is taken for it."""
    return (
        not isinstance(language, str) or not language or language.casefold().split("-")[0] in ("en", "eng", "english")
    )


def _n_acts(text: str) -> int:
    """Count assessed acts with objects of their own, at most three.

    A verb after the first has to follow a comma or conjunction; one with nothing between it and the next shares its
    object.
    """
    verbs = action_verbs(text)
    verbs = verbs[:1] + [
        v for v, before in zip(verbs[1:], verbs, strict=False) if _COORDINATED.search(text[before.end : v.start])
    ]
    own = set()
    for verb, end in zip(verbs, [*(v.start for v in verbs[1:]), len(text)], strict=False):
        following = re.findall(r"[^\W_]+", text[verb.end : end].casefold())
        if any(word not in _NO_OBJECT and not word.endswith("ly") for word in following):
            own.add(verb.text.casefold())
    return min(max(len(own), 1), _MAX_ACTS)


# --- breadth


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


# --- the judgement


def check(
    credential: Credential, vectors: ArrayLike | None = None, *, norm: DensityNorm | None = None
) -> tuple[list[Finding], list[str]]:
    """Hold the number of distinct stated outcomes against what courses of this size list.

    Where the notional hours are a range (ECTS: 25 to 30 a credit) the upper end is taken, so that a finding holds
    whichever of them is right.

    Parameters
    ----------
    credential : Credential
    vectors : array (n_outcomes, dim) or None
        Unit rows, parallel to ``credential.outcomes``: see `count_outcomes`.
    norm : DensityNorm or None
        None is the shipped norm. It is one university's, and says so in the finding.

    Returns
    -------
    findings : list of Finding
        At most one, rule ``density``: amber from the norm's 95th percentile, red from its 99th. Where acts are counted
        apart (see `count_outcomes`), so are they in the norm; it is amber at most where the outcomes as they are listed
        would make no finding.
    not_checked : list of str

    Raises
    ------
    ModelError
        If the shipped norm is missing or altered.
    """
    if norm is None:
        norm = load_norm()
    stated = [o for o in credential.outcomes if o.is_stated]
    if not stated:
        return [], ["density: no learning outcomes stated"]
    reads_acts = norm.acts_per_outcome is not None and _is_english(credential.language)
    count = count_outcomes(credential.outcomes, vectors, acts=reads_acts)
    if count.n < MIN_OUTCOMES:
        return [], [f"density: {count.n} distinct outcome{'s' * (count.n != 1)}, at least {MIN_OUTCOMES} are needed"]
    size = resolve_hours(credential)
    if size.notional_hours is None:
        return [], ["density: the notional hours are not known"]
    hours = size.notional_hours[1]
    if not norm.covers(hours):
        spoken_for = f"{norm.hours[0]:.0f} to {norm.hours[1]:.0f} hours"
        return [], [f"density: {hours:g} hours lie outside what the norm speaks for, {spoken_for}; not extrapolated"]
    as_listed, norm = norm, norm.of_acts() if reads_acts else norm
    percentile = norm.percentile(count.n, hours)
    if percentile < AMBER:
        return [], []
    # Acts alone never make it red: counted as they are listed, against the norm as fitted, the outcomes must be many.
    is_capped = percentile >= RED and as_listed.percentile(len(count.counted), hours) < AMBER
    is_red = percentile >= RED and not is_capped
    limit = norm.quantile((RED if is_red else AMBER) / 100, hours)
    own, inverse = _inverted(norm, count.n, hours, size)
    message = f"{_counting(count, len(stated))}. In {own} that is {inverse} in {norm.title}."
    if is_capped:
        message += " Listed outcomes alone are not unusually many, so this is no stronger than a hint."
    finding = Finding(
        rule="density",
        severity="red" if is_red else "amber",
        measured=count.n,
        limit=limit,
        unit="separate acts" if count.several else "outcomes",
        norm=f"{norm.title}, {norm.n_courses} courses, {'99th' if is_red else '95th'} percentile at {hours:g} hours",
        outcomes=count.counted,
        message=message,
        advice="Keep the outcomes that are assessed and join those that overlap, give the credential more hours, or "
        "split it. How many outcomes are listed differs between institutions: a norm from your own "
        "catalogue says more.",
    )
    return [finding], []


def _inverted(norm: DensityNorm, n: int, hours: float, size: Size) -> tuple[str, str]:
    """Say the credential's size and the size at which its count would be ordinary, both in its own unit."""
    unit, per_unit, own = "hour", 1.0, f"{hours:g} hours"
    if isinstance(size.credits, (int, float)) and size.credits > 0 and size.system:
        unit, per_unit, own = f"{size.system}", hours / size.credits, f"{size.credits:g} {size.system} credits"
    equivalent = norm.equivalent_hours(n)
    if math.isinf(equivalent):
        return (
            own,
            f"more than even a course of {norm.hours[1] / per_unit:.0f} {unit}{'s' * (unit == 'hour')} typically lists",
        )
    return own, f"what a {equivalent / per_unit:.0f}-{unit} course typically lists"


def _counting(count: OutcomeCount, n_stated: int) -> str:
    """Say how many outcomes are stated, and then how that became the count, if it differs."""
    parts = [f"{n_stated} stated outcome{'s' * (n_stated != 1)}"]
    if count.repeated:
        parts.append(f"without repetitions {len(count.counted)}")
    if count.several:
        parts.append(f"counted by their separate acts {count.n}")
    return "; ".join(parts)
