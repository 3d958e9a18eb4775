"""Retrieval in a language that the encoder does not read: by spelling, and by a map learnt from labels in two languages.

The features of a text are its character n-grams (of 3 to 5, inside words), weighted by TF-IDF over the labels. Where the
English vectors of the same concepts are known, a ridge regression from the labels' features to those vectors takes an
outcome into the encoder's space, and concepts are found there by cosine; where they are not, by the cosine of the features
alone. A logistic regression over a few signals turns that into a score.

The weights were fitted by ``python -m training.crosslingual`` on French competences with expert links to ESCO; for another
language they are an assumption.
"""

from __future__ import annotations

import json
import unicodedata
import zlib
from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt
from scipy import sparse

from tagger.encoder import FloatArray, Tokens
from tagger.heads import best, sigmoid
from tagger.shipped import shipped
from tagger.taxonomy import Taxonomy
from tagger.text import words

__all__ = ["SIGNALS", "CrosslingualHead", "fit_crosslingual", "ngrams"]

N_FEATURES = 1 << 16
_SIZES = (3, 4, 5)
_RIDGE = 0.1
_N_STEPS = 80
_MOST_EXACT = 16_000
"""So many rows are solved for exactly, in a square of single precision numbers (1 GB); more of them step by step."""
_BLOCK = 1_000
_N_CANDIDATES = 30
_N_ALTERNATIVES = 5

SIGNALS = (
    "cosine in the encoder's space",
    "the same, minus that of the best candidate",
    "the same, minus that of the eleventh",
    "cosine of the spelling with the nearest label",
    "the same, minus that of the best candidate",
    "logarithm of the number of the text's words",
)
"""What is weighed for each candidate; the first three are 0 where no English vectors are known."""


def ngrams(text: str) -> list[tuple[int, int, int]]:
    """Return the features of a text: (feature, start, end of the word that it lies in). Accents and case are put aside.

    Examples
    --------
    >>> {f for f, _, _ in ngrams("Équipe")} == {f for f, _, _ in ngrams("equipe")}
    True
    """
    found = []
    for word in words(text):
        padded = f" {_plain(word.text)} "
        for size in _SIZES:
            for start in range(max(1, len(padded) - size + 1)):
                # crc32: the same on every machine and in every run, which hash() is not.
                feature = zlib.crc32(padded[start : start + size].encode()) % N_FEATURES
                found.append((feature, word.start, word.end))
    return found


def _plain(text: str) -> str:
    decomposed = unicodedata.normalize("NFKD", text.casefold())
    return "".join(c for c in decomposed if not unicodedata.combining(c))


@dataclass(frozen=True, slots=True)
class CrosslingualHead:
    """Concepts of a taxonomy in another language, found by spelling and, where it was learnt, by meaning.

    Attributes
    ----------
    postings : sparse matrix (N_FEATURES, n_labels)
        Columns of unit length: the features of every label and alternative label.
    owner : ndarray of int (n_labels,)
        Position of the concept that a label belongs to; preferred labels come first, in the taxonomy's order.
    idf : ndarray (N_FEATURES,)
    map_ : ndarray of int8 (N_FEATURES, dim) or None
        Takes features into the encoder's space, in units of `scale`.
    scale : ndarray (N_FEATURES,) or None
    vectors : ndarray (n_concepts, dim) or None
        Unit rows in that space, the mean taken off.
    coefficients : ndarray (len(SIGNALS),)
    intercept : float
    n_candidates : int
    """

    postings: sparse.csr_array
    owner: npt.NDArray[np.int64]
    idf: FloatArray
    map_: npt.NDArray[np.int8] | None
    scale: FloatArray | None
    vectors: FloatArray | None
    coefficients: FloatArray
    intercept: float
    n_candidates: int = _N_CANDIDATES

    @property
    def n_concepts(self) -> int:
        """Number of concepts."""
        return int(self.owner.max()) + 1

    def _spelling(self, row: sparse.csr_array) -> FloatArray:
        """Return the cosine of one text with the nearest label of each concept, float32 (n_concepts,)."""
        cosine = np.zeros(self.n_concepts, dtype=np.float32)
        with_labels = (row @ self.postings).toarray()[0]
        np.maximum.at(cosine, self.owner, with_labels)
        return cosine

    def _mapped(self, row: sparse.csr_array) -> FloatArray | None:
        """Return the unit vector (dim,) of one text in the encoder's space; None where no map is known."""
        if self.map_ is None or self.scale is None:
            return None
        mapped = (row.data * self.scale[row.indices]) @ self.map_[row.indices].astype(np.float32)
        return np.asarray(_unit(mapped[None])[0], dtype=np.float32)

    def candidates(self, texts: Sequence[str], k: int | None = None) -> tuple[npt.NDArray[np.int64], FloatArray]:
        """Return indices (n_texts, k) of the nearest concepts and their signals (n_texts, k, len(SIGNALS))."""
        k = min(k or self.n_candidates, self.n_concepts)
        index = np.empty((len(texts), k), dtype=np.int64)
        signals = np.zeros((len(texts), k, len(SIGNALS)), dtype=np.float32)
        for i, text in enumerate(texts):  # row by row, so that a text's tags do not depend on its neighbours
            row = _matrix([text], self.idf)
            spelled, mapped = self._spelling(row), self._mapped(row)
            near = spelled if mapped is None or self.vectors is None else self.vectors @ mapped
            found, cosine = best(near[None], max(k, min(11, self.n_concepts)))
            index[i] = found[0, :k]
            if mapped is not None:
                signals[i, :, 0] = cosine[0, :k]
                signals[i, :, 1] = cosine[0, :k] - cosine[0, 0]
                signals[i, :, 2] = cosine[0, :k] - cosine[0, min(10, cosine.shape[1] - 1)]
            signals[i, :, 3] = spelled[index[i]]
            signals[i, :, 4] = spelled[index[i]] - spelled[index[i]].max()
            signals[i, :, 5] = np.log(len(words(text)) + 1)
        return index, signals

    def top(
        self,
        texts: Sequence[str],
        vectors: FloatArray | None,
        k: int,
        tokens: Sequence[Tokens | None] | None = None,
    ) -> tuple[npt.NDArray[np.int64], FloatArray]:
        """Return the k best concepts of each text: indices and scores, both (n_texts, k); no vectors are looked at."""
        index, signals = self.candidates(texts, max(k, self.n_candidates))
        score = sigmoid(np.einsum("nks,s->nk", signals, self.coefficients) + self.intercept)
        order = np.argsort(-score, axis=1, kind="stable")[:, :k]
        return np.take_along_axis(index, order, 1), np.take_along_axis(score, order, 1)

    def scores(
        self,
        texts: Sequence[str],
        vectors: FloatArray | None,
        tokens: Sequence[Tokens | None] | None = None,
    ) -> FloatArray:
        """Return scores, float32 (n_texts, n_concepts); 0 for concepts that are not among the candidates."""
        scores = np.zeros((len(texts), self.n_concepts), dtype=np.float32)
        index, score = self.top(texts, vectors, self.n_candidates)
        np.put_along_axis(scores, index, score, 1)
        return scores

    def shares(self, text: str, tokens: Tokens | None, concept: int) -> list[tuple[int, int, float]]:
        """Return (start, end, share) pieces for one concept: what each word adds to the cosine with it, exactly."""
        row = _matrix([text], self.idf)
        if self.map_ is not None and self.scale is not None and self.vectors is not None:
            weights = self.scale[row.indices] * (self.map_[row.indices].astype(np.float32) @ self.vectors[concept])
        else:
            own = np.flatnonzero(self.owner == concept)
            columns = self.postings[row.indices][:, own].toarray()
            weights = columns[:, int((row.data @ columns).argmax())]
        value = dict(zip(row.indices.tolist(), (row.data * weights).tolist(), strict=True))
        found = ngrams(text)
        counts = Counter(f for f, _, _ in found)
        return [(start, end, value.get(f, 0.0) / counts[f]) for f, start, end in found]

    def arrays(self) -> tuple[dict[str, npt.NDArray[Any]], dict[str, Any]]:
        """Return what a model folder keeps: arrays, rounded, and settings."""
        arrays: dict[str, npt.NDArray[Any]] = {
            "data": self.postings.data.astype(np.float16),
            "indices": self.postings.indices.astype(np.int32),
            "indptr": self.postings.indptr.astype(np.int32),
            "owner": self.owner.astype(np.int32),
            "idf": self.idf.astype(np.float32),
            "coefficients": self.coefficients.astype(np.float32),
        }
        if self.map_ is not None and self.scale is not None and self.vectors is not None:
            arrays |= {"map": self.map_, "scale": self.scale, "vectors": self.vectors.astype(np.float16)}
        return arrays, {"intercept": self.intercept, "n_candidates": self.n_candidates}

    @classmethod
    def of_arrays(cls, arrays: Mapping[str, Any], settings: Mapping[str, Any]) -> CrosslingualHead:
        """Return the head that `arrays` was asked of, up to the rounding."""
        owner = arrays["owner"].astype(np.int64)
        parts = (arrays["data"].astype(np.float32), arrays["indices"], arrays["indptr"])
        has_map = "map" in arrays
        return cls(
            sparse.csr_array(parts, shape=(N_FEATURES, len(owner))),
            owner,
            arrays["idf"],
            arrays["map"] if has_map else None,
            arrays["scale"] if has_map else None,
            _unit(arrays["vectors"].astype(np.float32)) if has_map else None,
            arrays["coefficients"],
            float(settings["intercept"]),
            int(settings["n_candidates"]),
        )


def fit_crosslingual(
    taxonomy: Taxonomy,
    known: Mapping[str, FloatArray],
    progress: Callable[[int, int], Any] = lambda done, of: None,
    weights: Mapping[str, Any] | None = None,
) -> tuple[CrosslingualHead, float]:
    """Learn to find the concepts of a taxonomy in its own language.

    Parameters
    ----------
    taxonomy : Taxonomy
    known : mapping of str to ndarray (dim,)
        English vectors by concept id; empty for none. A concept without one gets that of its own label, mapped.
    progress : callable
        Told how many steps are done, and of how many.
    weights : mapping or None
        Weights of the signals, as in ``models/crosslingual``; None for those.

    Returns
    -------
    CrosslingualHead, and the threshold of a tag
    """
    if weights is None:
        path = shipped("models") / "crosslingual" / "manifest.json"
        weights = json.loads(path.read_text(encoding="utf-8"))["weights"]
    alternatives = [(a, i) for i, c in enumerate(taxonomy.concepts) for a in c.alt_labels[:_N_ALTERNATIVES]]
    texts = [c.label for c in taxonomy.concepts] + [a for a, _ in alternatives]
    owner = np.array([*range(len(taxonomy)), *(i for _, i in alternatives)], dtype=np.int64)
    df = Counter(f for text in texts for f in {f for f, _, _ in ngrams(text)})
    idf = np.zeros(N_FEATURES, dtype=np.float32)
    for feature, n in df.items():
        idf[feature] = np.log((1 + len(texts)) / (1 + n)) + 1
    labels = _matrix(texts, idf)
    own = weights["mapped" if known else "spelling"]
    map_ = scale = vectors = None
    if known:
        ids = [c.id for c in taxonomy.concepts]
        own_rows = _unit_rows(labels[: len(ids)] + _mean_rows(labels[len(ids) :], owner[len(ids) :], len(ids)))
        has = np.array([i in known for i in ids])
        mean = np.mean(list(known.values()), axis=0)
        target = np.stack([known[i] - mean for i in ids if i in known]).astype(np.float32)
        full = own_rows[has].T @ _ridge(own_rows[has], target, progress)
        vectors = own_rows @ full
        vectors[has] = target
        vectors = _unit(vectors)
        scale = np.asarray(np.abs(full).max(axis=1) / 127, dtype=np.float32)
        map_ = np.round(full / (scale[:, None] + 1e-12)).astype(np.int8)
    head = CrosslingualHead(
        labels.T.tocsr(),
        owner,
        idf,
        map_,
        scale,
        vectors,
        np.asarray(own["coefficients"], dtype=np.float32),
        float(own["intercept"]),
    )
    return head, float(own["threshold"])


def _ridge(x: sparse.csr_array, y: FloatArray, progress: Callable[[int, int], Any]) -> FloatArray:
    """Solve (x x' + ridge) a = y: by Cholesky's factors, or for many rows by conjugate gradients (Hestenes, Stiefel 1952)."""
    turned = x.T.tocsr()
    n = x.shape[0]
    if n <= _MOST_EXACT:
        from scipy.linalg import solve

        square = np.empty((n, n), dtype=np.float32)
        for start in range(0, n, _BLOCK):
            square[start : start + _BLOCK] = (x[start : start + _BLOCK] @ turned).toarray()
            progress(min(start + _BLOCK, n), n)
        square[np.diag_indices(n)] += np.float32(_RIDGE)
        return np.asarray(solve(square, y, assume_a="pos", overwrite_a=True), dtype=np.float32)
    a, rest = np.zeros_like(y), y.copy()
    step, size = rest.copy(), (rest * rest).sum(axis=0)
    for k in range(_N_STEPS):
        product = x @ (turned @ step) + np.float32(_RIDGE) * step
        length = size / ((step * product).sum(axis=0) + np.float32(1e-12))
        a += length * step
        rest -= length * product
        new = (rest * rest).sum(axis=0)
        step = rest + new / (size + np.float32(1e-12)) * step
        size = new
        progress(k + 1, _N_STEPS)
    return a


def _mean_rows(rows: sparse.csr_array, owner: npt.NDArray[np.int64], n: int) -> sparse.csr_array:
    """Return the mean of the rows of each of `n` owners, halved: alternative labels count less than the preferred one."""
    counts = np.bincount(owner, minlength=n)
    weight = 0.5 / counts[owner] if len(owner) else np.empty(0)
    gather = sparse.csr_array((weight.astype(np.float32), (owner, np.arange(len(owner)))), shape=(n, len(owner)))
    return gather @ rows


def _unit_rows(rows: sparse.csr_array) -> sparse.csr_array:
    norm = np.sqrt(rows.multiply(rows).sum(axis=1)) + 1e-12
    return sparse.diags_array((1 / norm).astype(np.float32)).tocsr() @ rows.tocsr()


def _matrix(texts: Sequence[str], idf: FloatArray) -> sparse.csr_array:
    """Return the weighted features of texts, unit rows; a text that shares none with the labels has an empty row."""
    indices: list[int] = []
    values: list[float] = []
    starts = [0]
    for text in texts:
        counts = Counter(f for f, _, _ in ngrams(text) if idf[f])
        features = sorted(counts)
        value = np.array([1 + np.log(counts[f]) for f in features], dtype=np.float32) * idf[features]
        values += (value / (np.linalg.norm(value) + 1e-12)).tolist()
        indices += features
        starts.append(len(indices))
    data = np.array(values, dtype=np.float32)
    return sparse.csr_array(
        (data, np.array(indices, dtype=np.int32), np.array(starts, dtype=np.int32)), shape=(len(texts), N_FEATURES)
    )


def _unit(rows: FloatArray) -> FloatArray:
    return np.asarray(rows / (np.linalg.norm(rows, axis=1, keepdims=True) + 1e-9), dtype=np.float32)
