"""What a credential's title and its other outcomes say of one of its outcomes.

"Check the tanks before the dry season" is about drinking water, as the title "Village water supply" tells; title and
siblings resolve what a word means. So a goal's probability is read from the outcome's own words first, raised where title and other
outcomes speak of the same goal, and a little lowered where they do not. A goal of which the outcome's own words say nothing
is not tagged for its surroundings' sake, and the less they say, the less surroundings count.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

from tagger.encoder import FloatArray
from tagger.errors import ModelError
from tagger.heads import sigmoid

__all__ = ["SITUATIONS", "Context", "features", "others", "thresholds_in_context"]

SITUATIONS = ("title and others", "title", "others")
"""What is known beside the outcome; each has weights of its own."""
_RANGE = 3.0
"""Title and others count from log-odds of minus this to plus this: the surest title makes no outcome sure."""
_SMALLEST = 1e-4


def _log_odds(p: npt.NDArray[np.floating]) -> npt.NDArray[np.float64]:
    clipped = np.clip(p.astype(np.float64), _SMALLEST, 1 - _SMALLEST)
    return np.asarray(np.log(clipped / (1 - clipped)))


def _bounded(p: npt.NDArray[np.floating]) -> npt.NDArray[np.float64]:
    return np.asarray(np.clip(_log_odds(p), -_RANGE, _RANGE) + _RANGE)


def others(own: npt.NDArray[np.floating]) -> npt.NDArray[np.float64]:
    """Return, for each row, the mean of the other rows, (n, k); n must be at least 2."""
    p = own.astype(np.float64)
    return np.asarray((p.sum(axis=0) - p) / (len(p) - 1))


def features(
    own: npt.NDArray[np.floating],
    title: npt.NDArray[np.floating] | None,
    around: npt.NDArray[np.floating] | None,
) -> npt.NDArray[np.float64]:
    """Return what the weights are multiplied with.

    Parameters
    ----------
    own : ndarray (n, k)
        Probabilities by each outcome's own words.
    title : ndarray (k,) or None
        Probabilities by the title's words; None where there is none.
    around : ndarray (n, k) or None
        Mean probability of the credential's other outcomes (`others`); None where there are none.

    Returns
    -------
    ndarray (n, k, 2 or 3)
        Log-odds by the own words; of title and others by how much they exceed -3, from 0 to 6.
    """
    found = [_log_odds(own)]
    if title is not None:
        found.append(np.broadcast_to(_bounded(title), own.shape))
    if around is not None:
        found.append(_bounded(around))
    return np.stack(found, axis=-1)


@dataclass(frozen=True, slots=True)
class Context:
    """Weights of a logistic regression over `features`, for each situation.

    Attributes
    ----------
    weights : Mapping of str to sequence of float
        For each of `SITUATIONS`: intercept, then one weight for each feature. One that is missing changes nothing.
    least, full : float
        Probabilities by the own words up to which surroundings raise nothing, and from which on they count in full; between the
        two they count in part, by log-odds.
    needed : float
        A concept whose own words do not reach its threshold needs this probability to be tagged.

    Examples
    --------
    >>> context = Context({"title": (-0.5, 1.0, 0.4)}, least=0.01, full=0.1)
    >>> own, title = np.array([[0.3, 0.3, 0.001]]), np.array([0.9, 0.01, 0.9])
    >>> [round(float(p), 2) for p in context.apply(own, title)[0]]
    [0.68, 0.21, 0.0]
    """

    weights: Mapping[str, Sequence[float]]
    least: float = 0.01
    full: float = 0.1
    needed: float = 0.0

    @classmethod
    def of(cls, options: Mapping[str, Any]) -> Context:
        """Return what a model's manifest says under ``options``, ``context``.

        Raises
        ------
        ModelError
            If weights are missing or not as many as a situation has.
        """
        try:
            weights = {name: tuple(map(float, options[name])) for name in SITUATIONS if name in options}
            context = cls(weights, float(options["least"]), float(options["full"]), float(options["needed"]))
        except (KeyError, TypeError, ValueError) as error:
            raise ModelError(f"`options.context` of the model does not hold its weights ({error!r})") from error
        for name, row in weights.items():
            if len(row) != 3 + (" and " in name):
                raise ModelError(
                    f"`options.context.{name}` of the model has {len(row)} weights, expected {3 + (' and ' in name)}"
                )
        return context

    def weighs(self, title: object, n_outcomes: int) -> bool:
        """Say whether anything beside the own words counts: the title's probabilities or None, and the number of distinct outcomes."""
        return _situation(title is not None, n_outcomes > 1) in self.weights

    def apply(self, own: npt.NDArray[np.floating], title: npt.NDArray[np.floating] | None) -> FloatArray:
        """Return the probabilities of one credential's outcomes in their surroundings, float32 (n, k).

        Parameters
        ----------
        own : ndarray (n, k)
            Of the n outcomes of one credential, by their own words.
        title : ndarray (k,) or None
            By the title's words; None where there is none.
        """
        return self.place(own, title, others(own) if len(own) > 1 else None)

    def place(
        self,
        own: npt.NDArray[np.floating],
        title: npt.NDArray[np.floating] | None,
        around: npt.NDArray[np.floating] | None,
    ) -> FloatArray:
        """Return the same where what the other outcomes say is known already; parameters as for `features`."""
        situation = _situation(title is not None, around is not None)
        if situation not in self.weights:
            return own.astype(np.float32)
        intercept, *weights = self.weights[situation]
        found = features(own, title, around)
        z, alone = intercept + found @ np.array(weights), found[..., 0]
        low, high = _log_odds(np.array([self.least, self.full]))
        share = np.clip((alone - low) / (high - low), 0.0, 1.0)
        return sigmoid(np.where(z < alone, z, alone + share * (z - alone)))


def thresholds_in_context(
    own: npt.NDArray[np.floating], thresholds: npt.NDArray[np.floating], needed: float
) -> npt.NDArray[np.floating]:
    """Return what each probability has to reach, (n, k): the threshold where the own words (n, k) reach it, else at least `needed`."""
    return np.where(own >= thresholds, thresholds, np.maximum(thresholds, needed))


def _situation(is_titled: bool, has_others: bool) -> str:
    return " and ".join(name for name, known in (("title", is_titled), ("others", has_others)) if known)
