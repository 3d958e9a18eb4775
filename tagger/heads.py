"""What turns an outcome's vector and words into probabilities of concepts: a linear head, or retrieval over concept vectors.

A linear head's score is the sum of what each token and word adds, so the share of each in it is exact. Retrieval re-scores
what it finds: there the tokens share the cosine with the concept exactly, and words that the label has too count extra.
"""

from __future__ import annotations

import math
import re
from collections.abc import Sequence
from dataclasses import dataclass
from functools import lru_cache

import numpy as np
import numpy.typing as npt

from tagger.encoder import FloatArray, Tokens
from tagger.lexical import Lexical
from tagger.taxonomy import Concept
from tagger.text import action_verbs, lemma, verb_levels, words

__all__ = [
    "SIGNALS",
    "STOP_WORDS",
    "LinearHead",
    "Network",
    "RetrievalHead",
    "attention_cosine",
    "best",
    "sigmoid",
    "stem",
    "stems",
    "word_shares",
]


def sigmoid(z: npt.NDArray[np.floating]) -> FloatArray:
    """Return 1 / (1 + exp(-z)) without overflow."""
    return np.asarray(0.5 * (1.0 + np.tanh(0.5 * z)), dtype=np.float32)


def length_signal(text: str) -> float:
    """Return 0 up to 25 words, 1 from 100 on, and between them the share of the way by logarithm.

    Examples
    --------
    >>> length_signal("design a well"), length_signal("word " * 50), length_signal("word " * 400)
    (0.0, 0.5, 1.0)
    """
    n_words = max(1, len(text.split()))
    return min(1.0, max(0.0, math.log(n_words / 25) / math.log(4)))


@dataclass(frozen=True, slots=True)
class Prototypes:
    """Vectors of descriptions in groups; a text is as near to a group as to the nearest of its descriptions.

    Attributes
    ----------
    vectors : ndarray float32 (n_prototypes, dim)
        Unit rows, made with the very encoder that is shipped.
    group : ndarray of int64 (n_prototypes,)
        Group of each, 0 to n_groups - 1.
    weights : ndarray (n_groups, n_concepts)
        What a group's nearness adds to each concept's score.
    """

    vectors: FloatArray
    group: npt.NDArray[np.int64]
    weights: FloatArray

    def nearness(self, vectors: FloatArray) -> tuple[npt.NDArray[np.float64], npt.NDArray[np.int64]]:
        """Return the largest cosine with each group, and the prototype that has it, both (n_texts, n_groups)."""
        cosine = vectors.astype(np.float64) @ self.vectors.T.astype(np.float64)
        n_groups = len(self.weights)
        near = np.empty((len(vectors), n_groups))
        which = np.empty((len(vectors), n_groups), dtype=np.int64)
        for g in range(n_groups):
            members = np.flatnonzero(self.group == g)
            position = cosine[:, members].argmax(axis=1)
            near[:, g] = np.take_along_axis(cosine[:, members], position[:, None], 1)[:, 0]
            which[:, g] = members[position]
        return near, which

    def direction(self, vector: FloatArray, concept: int) -> FloatArray:
        """Return the vector whose product with a text's unit vector is what the prototypes add for one concept."""
        _, which = self.nearness(vector[None] / (np.linalg.norm(vector) + 1e-9))
        return np.asarray(self.weights[:, concept] @ self.vectors[which[0]], dtype=np.float32)


@dataclass(frozen=True, slots=True)
class LinearHead:
    """One linear score per concept over the sentence vector and the lexical features, then calibration.

    Attributes
    ----------
    embedding : ndarray (dim, n_concepts) or None
    lexical : Lexical or None
    lexical_weights : ndarray (n_features, n_concepts) or None
    intercept : ndarray (n_concepts,)
        Minus infinity for a concept that was never trained.
    slope, offset : ndarray (n_concepts,)
        Platt calibration (Platt 1999): probability = sigmoid(slope * score + offset). With `softmax`, probabilities are
        softmax(slope * score + offset) over the concepts instead.
    softmax : bool
    prototypes : Prototypes or None
        Descriptions that the text is compared with, group by group.
    length_weights : ndarray (n_concepts,) or None
        What `length_signal` adds: the same words say more in a sentence than in a page.
    """

    embedding: FloatArray | None
    lexical: Lexical | None
    lexical_weights: FloatArray | None
    intercept: FloatArray
    slope: FloatArray
    offset: FloatArray
    softmax: bool = False
    prototypes: Prototypes | None = None
    length_weights: FloatArray | None = None

    def raw(self, texts: Sequence[str], vectors: FloatArray | None) -> FloatArray:
        """Return uncalibrated scores, float32 (n_texts, n_concepts)."""
        scores = np.tile(self.intercept, (len(texts), 1)).astype(np.float32)
        if self.embedding is not None:
            assert vectors is not None
            # In float64: float32 products differ in the last bits with the number of rows, and so could a text's tags.
            scores += vectors.astype(np.float64) @ self.embedding.astype(np.float64)
        if self.prototypes is not None:
            assert vectors is not None
            scores += self.prototypes.nearness(vectors)[0] @ self.prototypes.weights.astype(np.float64)
        if self.length_weights is not None:
            scores += np.array([length_signal(text) for text in texts])[:, None] * self.length_weights
        if self.lexical is not None and self.lexical_weights is not None:
            for i, text in enumerate(texts):
                row = self.lexical.row(text)
                if len(row.columns):
                    scores[i] += row.value @ self.lexical_weights[row.columns]
        return scores

    def scores(
        self,
        texts: Sequence[str],
        vectors: FloatArray | None,
        tokens: Sequence[Tokens | None] | None = None,
    ) -> FloatArray:
        """Return calibrated probabilities, float32 (n_texts, n_concepts); tokens are not looked at."""
        z = self.raw(texts, vectors) * self.slope + self.offset
        if not self.softmax:
            return sigmoid(z)
        e = np.exp(z - z.max(axis=1, keepdims=True))
        return np.asarray(e / e.sum(axis=1, keepdims=True), dtype=np.float32)

    def top(
        self,
        texts: Sequence[str],
        vectors: FloatArray | None,
        k: int,
        tokens: Sequence[Tokens | None] | None = None,
    ) -> tuple[npt.NDArray[np.int64], FloatArray]:
        """Return the k best concepts of each text: indices and probabilities, both (n_texts, k), best first."""
        return best(self.scores(texts, vectors, tokens), k)

    def shares(self, text: str, tokens: Tokens | None, concept: int) -> list[tuple[int, int, float]]:
        """Return (start, end, share of the score) pieces for one concept; overlapping pieces add up."""
        pieces: list[tuple[int, int, float]] = []
        if self.embedding is not None and tokens is not None:
            weights = self.embedding[:, concept]
            if self.prototypes is not None:
                weights = weights + self.prototypes.direction(tokens.vectors.mean(axis=0), concept)
            pieces += _token_shares(tokens, weights)
        if self.lexical is not None and self.lexical_weights is not None:
            row = self.lexical.row(text)
            value = dict(zip(row.columns.tolist(), row.value.tolist(), strict=True))
            n: dict[int, int] = {}
            for i, _, _ in row.occurrences:
                n[i] = n.get(i, 0) + 1
            pieces += [
                (start, end, value[i] * float(self.lexical_weights[i, concept]) / n[i])
                for i, start, end in row.occurrences
            ]
        return pieces


SIGNALS = (
    "cosine with the text",
    "cosine with the tokens that attend to the concept (see `attention_cosine`)",
    "mean of the two, minus that of the best candidate",
    "mean of the two, minus that of the eleventh candidate (of the last where there are fewer)",
    "logarithm of the rank by that mean",
    "mean of the two of the best candidate",
    "share of the label's content words that the text has, weighted by rarity",
    "the same of the best other candidate",
    "largest such share among the alternative labels, unweighted",
    "1 if the label begins with one of the text's action verbs",
    "1 if no verb of the text is known to ask for more than knowing or explaining, and the concept is a skill",
    "1 if the concept is knowledge",
    "1 if the concept is a skill",
    "logarithm of the number of the text's content words",
    "logarithm of the number of the label's content words",
    "how near the concept is to texts in general (see `RetrievalHead.hubness`)",
    "how often readers found the concept right where it came up (see `RetrievalHead.prior`)",
)
"""What a `RetrievalHead` weighs for each candidate, in the order of its coefficients."""

_KNOWING = frozenset(("remember", "understand"))
_NEAREST = 100
"""So many concepts, nearest by plain cosine, are compared token by token."""


def attention_cosine(tokens: FloatArray, concepts: FloatArray) -> FloatArray:
    """Return how well the tokens that attend to each concept match it.

    For each concept, tokens are weighted by a softmax over their dot products with it and added up; the cosine of that sum with
    the concept is the score. A long text that says several things so matches each of them with its own words. The idea is
    ConTeXT-match (Decorte et al. 2024, arXiv:2409.15014).

    Parameters
    ----------
    tokens : ndarray of float32 (n_tokens, dim)
    concepts : ndarray of float32 (n_concepts, dim)
        Unit rows.

    Returns
    -------
    ndarray of float32 (n_concepts,)
    """
    dots = tokens @ concepts.T
    weight = np.exp(dots - dots.max(axis=0))
    weight /= weight.sum(axis=0)
    along = (weight * dots).sum(axis=0)
    length = np.sqrt(np.maximum(np.einsum("tc,tc->c", weight, (tokens @ tokens.T) @ weight), 1e-12))
    return np.asarray(along / length, dtype=np.float32)


@dataclass(frozen=True, slots=True)
class Network:
    """One hidden layer over the signals: output @ tanh(signals @ hidden + bias) is added to the linear score.

    Attributes
    ----------
    hidden : ndarray (len(SIGNALS), n_hidden)
    bias, output : ndarray (n_hidden,)
    """

    hidden: FloatArray
    bias: FloatArray
    output: FloatArray

    def score(self, signals: FloatArray) -> FloatArray:
        """Return (n_texts, k) of signals (n_texts, k, len(SIGNALS))."""
        inner = np.tanh(np.einsum("nks,sh->nkh", signals, self.hidden) + self.bias)
        return np.asarray(np.einsum("nkh,h->nk", inner, self.output), dtype=np.float32)


@dataclass(frozen=True, slots=True)
class RetrievalHead:
    """Nearest concept vectors, re-scored by a small regression over `SIGNALS`.

    Attributes
    ----------
    concepts : tuple of Concept
    vectors : ndarray float32 (n_concepts, dim)
        Unit rows, made with the very encoder that is shipped.
    label_words : tuple of frozenset of str
        Stems of the content words of each concept's preferred label (see `stems`).
    word_weights : dict of str to float
        Inverse document frequency of a stem over all labels.
    coefficients : ndarray (len(SIGNALS),)
    intercept : float
    n_candidates : int
        So many nearest concepts are re-scored; the others have probability 0.
    network : Network or None
        What is added to the linear score.
    hubness : ndarray (n_concepts,) or None
        Mean cosine of each concept with texts in general: a concept that is near to everything says little. None for 0.
    prior : ndarray (n_concepts,) or None
        Log-odds that readers found the concept right where it was a candidate, above those of candidates in general; 0 for one that
        nobody judged. None for 0.
    """

    concepts: tuple[Concept, ...]
    vectors: FloatArray
    label_words: tuple[frozenset[str], ...]
    word_weights: dict[str, float]
    coefficients: FloatArray
    intercept: float
    n_candidates: int = 30
    network: Network | None = None
    hubness: FloatArray | None = None
    prior: FloatArray | None = None

    def candidates(
        self,
        texts: Sequence[str],
        vectors: FloatArray,
        k: int | None = None,
        tokens: Sequence[Tokens | None] | None = None,
    ) -> tuple[npt.NDArray[np.int64], FloatArray]:
        """Return the nearest concepts, best first by the mean of both cosines, and their signals.

        Parameters
        ----------
        texts : sequence of str, length n
        vectors : ndarray of float32 (n, dim)
        k : int or None
            How many; None for `n_candidates`.
        tokens : sequence of Tokens or None
            Of each text; without them the attention cosine is the plain one.

        Returns
        -------
        index : ndarray of int64 (n, k)
        signals : ndarray of float32 (n, k, len(SIGNALS))
        """
        k = min(k or self.n_candidates, len(self.vectors))
        near, _ = best(vectors @ self.vectors.T, max(k, min(_NEAREST, len(self.vectors))))
        index = np.empty((len(texts), k), dtype=np.int64)
        signals = np.empty((len(texts), k, len(SIGNALS)), dtype=np.float32)
        for i, text in enumerate(texts):
            # Row by row: the last bits of a product depend on the number of rows, and so could a text's tags.
            cosine = self.vectors[near[i]] @ vectors[i]
            found = None if tokens is None else tokens[i]
            attended = cosine if found is None else attention_cosine(found.vectors, self.vectors[near[i]])
            order = np.argsort(-(cosine + attended), kind="stable")[:k]
            index[i] = near[i, order]
            self._signals(text, index[i], cosine[order], attended[order], signals[i])
        return index, signals

    def _signals(
        self, text: str, index: npt.NDArray[np.int64], cosine: FloatArray, attended: FloatArray, out: FloatArray
    ) -> None:
        found = stems(text)
        verbs = [v.text for v in action_verbs(text)]
        begins = {stem(v) for v in verbs}
        levels = {level for v in verbs for level in verb_levels(lemma(v))}
        only_knowing = bool(levels) and levels <= _KNOWING
        mean = (cosine + attended) / 2
        out[:, 0], out[:, 1] = cosine, attended
        out[:, 2], out[:, 3] = mean - mean[0], mean - mean[min(10, len(mean) - 1)]
        out[:, 4], out[:, 5] = np.log(np.arange(1, len(mean) + 1)), mean[0]
        out[:, 13] = np.log(len(found) + 1)
        for n, j in enumerate(index.tolist()):
            concept = self.concepts[j]
            out[n, 6] = self._overlap(self.label_words[j], found)
            out[n, 8] = max((len(a & found) / len(a) for a in _alternatives(concept)), default=0.0)
            out[n, 9] = stem(concept.label.split()[0]) in begins
            out[n, 10] = only_knowing and concept.type == "skill"
            out[n, 11], out[n, 12] = concept.type == "knowledge", concept.type == "skill"
            out[n, 14] = np.log(len(self.label_words[j]) + 1)
            out[n, 15] = 0.0 if self.hubness is None else self.hubness[j]
            out[n, 16] = 0.0 if self.prior is None else self.prior[j]
        if len(index) > 1:  # the best share among the others: the second best for the best, the best for the rest
            second, first = np.sort(out[:, 6])[-2:]
            out[:, 7] = np.where(np.arange(len(index)) == out[:, 6].argmax(), second, first)
        else:
            out[:, 7] = 0.0

    def _overlap(self, label: frozenset[str], found: frozenset[str]) -> float:
        total = sum(self.word_weights[w] for w in label)
        return sum(self.word_weights[w] for w in label & found) / total if total else 0.0

    def top(
        self,
        texts: Sequence[str],
        vectors: FloatArray,
        k: int,
        tokens: Sequence[Tokens | None] | None = None,
    ) -> tuple[npt.NDArray[np.int64], FloatArray]:
        """Return the k best concepts of each text: indices and probabilities, both (n_texts, k), best first."""
        index, signals = self.candidates(texts, vectors, max(k, self.n_candidates), tokens)
        z = np.einsum("nks,s->nk", signals, self.coefficients) + self.intercept
        if self.network is not None:
            z = z + self.network.score(signals)
        probability = sigmoid(z)
        order = np.argsort(-probability, axis=1, kind="stable")[:, :k]
        return np.take_along_axis(index, order, 1), np.take_along_axis(probability, order, 1)

    def scores(
        self, texts: Sequence[str], vectors: FloatArray, tokens: Sequence[Tokens | None] | None = None
    ) -> FloatArray:
        """Return probabilities, float32 (n_texts, n_concepts); 0 for concepts that are not among the candidates."""
        scores = np.zeros((len(texts), len(self.vectors)), dtype=np.float32)
        index, probability = self.top(texts, vectors, self.n_candidates, tokens)
        np.put_along_axis(scores, index, probability, 1)
        return scores

    def shares(self, text: str, tokens: Tokens | None, concept: int) -> list[tuple[int, int, float]]:
        """Return (start, end, share) pieces for one concept: shares of the cosine, and a bonus for the label's own words."""
        pieces = [] if tokens is None else _token_shares(tokens, self.vectors[concept])
        label = self.label_words[concept]
        # A word of the label that stands in the text is evidence whatever the vectors say.
        pieces += [(w.start, w.end, 0.05) for w in words(text) if stem(w.text) in label]
        return pieces


@lru_cache(maxsize=20_000)
def _alternatives(concept: Concept) -> tuple[frozenset[str], ...]:
    return tuple(found for a in concept.alt_labels[:30] if (found := stems(a)))


def best(scores: FloatArray, k: int) -> tuple[npt.NDArray[np.int64], FloatArray]:
    """Return the k largest of each row, best first, ties by position: indices and values, each (n_rows, k)."""
    k = min(k, scores.shape[1])
    if k < scores.shape[1]:
        part = np.sort(np.argpartition(-scores, k - 1, axis=1)[:, :k], axis=1)
        last = np.take_along_axis(scores, part, 1).min(axis=1, keepdims=True)
        for row in np.flatnonzero(
            (scores >= last).sum(axis=1) > k
        ):  # which of the equal ones comes in is left open above
            part[row] = np.sort(np.argsort(-scores[row], kind="stable")[:k])
    else:
        part = np.tile(np.arange(k), (len(scores), 1))
    values = np.take_along_axis(scores, part, 1)
    order = np.argsort(-values, axis=1, kind="stable")
    return np.take_along_axis(part, order, 1).astype(np.int64), np.take_along_axis(values, order, 1)


def _token_shares(tokens: Tokens, weights: FloatArray) -> list[tuple[int, int, float]]:
    # vector = mean(t) / |mean(t)|, so weights . vector is the sum over tokens of weights . t / (n |mean(t)|).
    mean = tokens.vectors.mean(axis=0)
    shares = tokens.vectors @ weights / (len(tokens.vectors) * float(np.linalg.norm(mean)) + 1e-9)
    return [
        (start, end, float(share))
        for (start, end), share in zip(tokens.spans.tolist(), shares, strict=True)
        if end > start
    ]


def word_shares(text: str, pieces: Sequence[tuple[int, int, float]]) -> list[tuple[int, int, float]]:
    """Gather pieces into words: a piece over several words is spread over them by length.

    Returns
    -------
    list of (start, end, share)
        One for each word of the text, in order.
    """
    found = words(text)
    shares = [0.0] * len(found)
    by_character: dict[int, int] = {}
    for n, word in enumerate(found):
        for character in range(word.start, word.end):
            by_character[character] = n
    for start, end, share in pieces:
        touched = [by_character[c] for c in range(start, end) if c in by_character]
        for n in touched:
            shares[n] += share / len(touched)
    return [(w.start, w.end, s) for w, s in zip(found, shares, strict=True)]


STOP_WORDS = frozenset(
    [
        "a",
        "an",
        "and",
        "are",
        "as",
        "at",
        "be",
        "by",
        "for",
        "from",
        "in",
        "into",
        "is",
        "it",
        "its",
        "of",
        "on",
        "or",
        "so",
        "such",
        "that",
        "the",
        "their",
        "them",
        "these",
        "they",
        "this",
        "to",
        "using",
        "via",
        "which",
        "with",
        "within",
    ]
)
_SUFFIX = re.compile(r"(?:isations?|izations?|ising|izing|ations?|ments?|ings?|ies|ied|ers?|es|ed|ions?|s|y|e)$")


def stem(word: str) -> str:
    """Return a crude stem, enough to match ``analyses`` with ``analyse`` and ``welding`` with ``weld``.

    Examples
    --------
    >>> stem("Welding") == stem("weld"), stem("policies") == stem("policy")
    (True, True)
    """
    lower = word.lower()
    cut = _SUFFIX.sub("", lower)
    return cut if len(cut) >= 3 else lower


def stems(text: str) -> frozenset[str]:
    """Return the stems of a text's content words."""
    return frozenset(stem(w.text) for w in words(text) if w.text.lower() not in STOP_WORDS)
