"""How many distinct outcomes a credential states: repetitions once, several acts in one counted apart."""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike, NDArray

from tagger.records import LearningOutcome
from tagger.text import action_verbs

__all__ = ["OutcomeCount", "count_outcomes", "is_english", "unit_matrix"]

SAME_COSINE = 0.92
"""Cosine from which two outcomes of one credential count as one."""

Floats = NDArray[np.float64]


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
    matrix = unit_matrix(vectors, len(outcomes))
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


def unit_matrix(vectors: ArrayLike | None, n: int) -> Floats | None:
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


def is_english(language: object) -> bool:
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
