"""Lexical features: words and word pairs of an outcome, its first words marked by position, weighted by TF-IDF.

Every feature knows the characters that it came from, so a linear model's score can be told apart into words exactly.
"""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import NamedTuple

import numpy as np
import numpy.typing as npt

from tagger.acts import act_features
from tagger.text import words

__all__ = ["Feature", "Lexical", "SparseRow"]


class Feature(NamedTuple):
    """A feature's name and the characters that it covers."""

    name: str
    start: int
    end: int


class SparseRow(NamedTuple):
    """One text's features: indices, TF-IDF values (unit length together), and the characters of each occurrence."""

    columns: npt.NDArray[np.int64]
    value: npt.NDArray[np.float32]
    occurrences: tuple[tuple[int, int, int], ...]


@dataclass(frozen=True, slots=True)
class Lexical:
    """A vocabulary with weights.

    Attributes
    ----------
    vocabulary : dict of str to int
    idf : ndarray of float32, shape (n_features,)
        Weight of a feature: inverse document frequency ln((1 + n) / (1 + df)) + 1, as in scikit-learn, to the power and
        times the scale that `fit` was given.
    n_words : int
        Longest word sequence that is a feature.
    n_first : int
        So many first words are features of their own by position (``0=analyse``).
    kind : str
        ``words``, or ``acts``: verbs, their objects and pairs of verbs (see `tagger.acts`), with no use for the two counts.
    """

    vocabulary: dict[str, int]
    idf: npt.NDArray[np.float32]
    n_words: int = 2
    n_first: int = 3
    kind: str = "words"

    @classmethod
    def fit(
        cls,
        texts: Sequence[str],
        *,
        min_df: int = 2,
        max_features: int = 30_000,
        n_words: int = 2,
        n_first: int = 3,
        kind: str = "words",
        idf_power: float = 1.0,
        scales: Mapping[str, float] | None = None,
    ) -> Lexical:
        """Learn the vocabulary: the `max_features` most frequent features that occur in at least `min_df` texts.

        Parameters
        ----------
        texts : sequence of str
        min_df, max_features, n_words, n_first, kind
        idf_power : float
            Below 1, rare features count for less; 0 makes all of them equal.
        scales : mapping of str to float, or None
            Beginnings of names to factors: how much such features count against the others.
        """
        df: Counter[str] = Counter()
        for text in texts:
            df.update({f[0] for f in _features(text, kind, n_words, n_first)})
        kept = sorted(((n, name) for name, n in df.items() if n >= min_df), key=lambda x: (-x[0], x[1]))[:max_features]
        names = sorted(name for _, name in kept)
        idf = np.array([(math.log((1 + len(texts)) / (1 + df[name])) + 1) ** idf_power for name in names])
        for beginning, scale in (scales or {}).items():
            idf[[name.startswith(beginning) for name in names]] *= scale
        return cls({name: i for i, name in enumerate(names)}, idf.astype(np.float32), n_words, n_first, kind)

    def row(self, text: str) -> SparseRow:
        """Return the features of one text; empty arrays when it shares no word with the vocabulary."""
        counts: dict[int, int] = {}
        occurrences = []
        lookup = self.vocabulary.get
        for name, start, end in _features(text, self.kind, self.n_words, self.n_first):
            i = lookup(name)
            if i is not None:
                counts[i] = counts.get(i, 0) + 1
                occurrences.append((i, start, end))
        index = np.fromiter(counts, dtype=np.int64, count=len(counts))
        tf = np.fromiter((1 + math.log(n) for n in counts.values()), dtype=np.float32, count=len(counts))
        value = tf * self.idf[index]
        norm = float(np.sqrt((value * value).sum()))
        return SparseRow(index, value / norm if norm else value, tuple(occurrences))


def _features(text: str, kind: str, n_words: int, n_first: int) -> Iterable[tuple[str, int, int]]:
    return act_features(text) if kind == "acts" else features(text, n_words, n_first)


def features(text: str, n_words: int, n_first: int) -> Iterator[Feature]:
    """Yield the features of a text in order: words, word sequences, and its first words marked by position."""
    found = words(text)
    lower = [w.text.lower() for w in found]
    for i, word in enumerate(found):
        yield Feature(lower[i], word.start, word.end)
        for n in range(2, n_words + 1):
            if i + n <= len(found):
                yield Feature(" ".join(lower[i : i + n]), word.start, found[i + n - 1].end)
        if i < n_first:
            yield Feature(f"{i}={lower[i]}", word.start, word.end)
