"""The model of breadth: whether outcomes read like one course, or like two put together.

A linear model over numbers that describe how alike the outcomes are (`tagger.spread.similarity_features`), by their vectors, by
the directions in which courses of one subject differ, and by the words that they share. It learnt from real courses and from pairs of them merged, with the count of outcomes
matched, so that only content tells. Its value, the separation, is no verdict: it is held against courses that list as many outcomes.
"""

from __future__ import annotations

import functools
import hashlib
import itertools
import json
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from tagger.errors import ModelError
from tagger.heads import stems
from tagger.model import FORMAT, read_manifest, verify_model
from tagger.shipped import shipped
from tagger.spread import CountNorm, effective_topics, mean_distance, similarity_features

__all__ = [
    "MEASURES",
    "BreadthModel",
    "BreadthNorms",
    "deviates",
    "expand",
    "features",
    "load_breadth",
    "rarity_of",
    "save_breadth",
    "word_similarity",
]

Floats = NDArray[np.float64]

MEASURES = {
    "separation": "separation",
    "effective_topics": "effective topics",
    "mean_distance": "mean distance",
    "skills": "skills per 10 hours",
    "goals": "SDGs per 10 hours",
}
"""What breadth is measured by. The first decides; the others are told with it."""
N_HASHES = 4096
_ARRAYS = ("centre", "scale", "weights", "middle", "projection", "rarity", "joint", "joint_quantiles")


@dataclass(frozen=True, slots=True)
class BreadthNorms:
    """What a catalogue's courses measure, by the number of outcomes that they list.

    Attributes
    ----------
    title : str
        What it was measured on, as findings name it.
    n_courses : int
    measures : mapping of str to CountNorm
        Keys as in `MEASURES`; one that is missing was not measured.
    """

    title: str
    n_courses: int
    measures: Mapping[str, CountNorm]

    def to_dict(self) -> dict[str, Any]:
        """Return a record for JSON."""
        measures = {name: asdict(norm) for name, norm in self.measures.items()}
        return {"title": self.title, "n_courses": self.n_courses, "measures": measures}

    @classmethod
    def from_dict(cls, record: Mapping[str, Any]) -> BreadthNorms:
        """Rebuild from what `to_dict` gave.

        Raises
        ------
        KeyError, TypeError, ValueError
            If it is not such a record.
        """
        measures = {}
        for name, plain in record["measures"].items():
            a, b, c = map(float, plain["location"])
            s, t = map(float, plain["log_scale"])
            shares = tuple((float(z), float(p)) for z, p in plain["shares"])
            low, high = map(int, plain["counts"])
            if any(z1 > z2 or p1 > p2 for (z1, p1), (z2, p2) in itertools.pairwise(shares)) or len(shares) < 2:
                raise ValueError(f"the shares of {name} do not rise")
            measures[name] = CountNorm((a, b, c), (s, t), shares, (low, high))
        return cls(str(record["title"]), int(record["n_courses"]), measures)


@dataclass(frozen=True, slots=True, eq=False)
class BreadthModel:
    """Weights of the separation, and the general norm.

    Attributes
    ----------
    id, version : str
    encoder_id, encoder_sha256 : str or None
        The encoder whose vectors it reads; vectors of another mean nothing to it.
    centre, scale : ndarray (n_features,)
    weights : ndarray (2 n_features - 2,)
        Of the features, and of each (but the two of the count) times the log of the count: see `expand`.
    middle : ndarray (dim,)
    projection : ndarray (dim, k)
        Directions in which courses of one subject differ more than the sentences of one course do; taken from the middle.
    rarity : ndarray (4096,)
        Weight of a word by a hash of its stem: how few of the courses it was fitted on use it. No word can be read from it.
    joint : ndarray (2,)
        Weights of density and breadth, each as a normal deviate of its percentile, taken together.
    joint_quantiles : ndarray (k,)
        What courses reach by them, at evenly spaced shares from 0 to 1.
    norms : BreadthNorms
    """

    id: str
    version: str
    encoder_id: str | None
    encoder_sha256: str | None
    centre: Floats
    scale: Floats
    weights: Floats
    middle: Floats
    projection: Floats
    rarity: Floats
    joint: Floats
    joint_quantiles: Floats
    norms: BreadthNorms
    manifest: Mapping[str, Any] = field(default_factory=dict)

    def serves(self, encoder_id: str | None, encoder_sha256: str | None = None) -> bool:
        """Return whether the vectors of this encoder are those that it was fitted with."""
        same_graph = self.encoder_sha256 is None or encoder_sha256 is None or self.encoder_sha256 == encoder_sha256
        return self.encoder_id == encoder_id and same_graph

    def separation(self, vectors: Floats, texts: Sequence[str]) -> float:
        """Return how far the outcomes fall apart, as log odds that two courses were put together.

        Parameters
        ----------
        vectors : ndarray (n, dim)
            Unit rows, n at least 3.
        texts : sequence of str, n
        """
        values = (
            np.array(features(vectors, texts, self.rarity, self.middle, self.projection)) - self.centre
        ) / self.scale
        return float(expand(np.clip(values, -6, 6)) @ self.weights)

    def together(self, density: float, breadth: float) -> float:
        """Return where density and breadth stand taken together, as a percentile of courses; from their percentiles."""
        value = float(self.joint @ deviates(density, breadth))
        grid = np.linspace(0.0, 100.0, len(self.joint_quantiles))
        inside = float(np.interp(value, self.joint_quantiles, grid))
        beyond = value - float(self.joint_quantiles[-1])
        return inside if beyond <= 0 else 100.0 + min(beyond, 10.0) * 1e-3  # so that the order is kept

    def measure(
        self, vectors: Floats, texts: Sequence[str], hours: float | None, n_skills: int | None, n_goals: int | None
    ) -> dict[str, float]:
        """Return what can be measured of one credential, by the names of `MEASURES`."""
        found = {
            "separation": self.separation(vectors, texts),
            "effective_topics": effective_topics(vectors),
            "mean_distance": mean_distance(vectors),
        }
        if hours is not None and hours > 0:
            for name, n in (("skills", n_skills), ("goals", n_goals)):
                if n is not None:
                    found[name] = 10.0 * n / hours
        return found


def expand(scaled: Floats) -> Floats:
    """Append each feature times the first, the log of the count, so that a weight can change with the count.

    Examples
    --------
    >>> expand(np.array([2.0, 0.5, 3.0])).tolist()
    [2.0, 0.5, 3.0, 6.0]
    """
    return np.concatenate([scaled, scaled[..., 2:] * scaled[..., :1]], axis=-1)


def deviates(density: float, breadth: float) -> Floats:
    """Return the normal deviates of two percentiles, within ±4.

    Examples
    --------
    >>> deviates(50.0, 97.72).round(1).tolist()
    [0.0, 2.0]
    """
    from scipy.special import ndtri

    return np.asarray(np.clip(ndtri(np.clip(np.array([density, breadth]) / 100.0, 1e-6, 1 - 1e-6)), -4.0, 4.0))


def word_similarity(texts: Sequence[str], rarity: Floats) -> Floats:
    """Return the cosines between outcomes by the words that they share, rare ones counting more.

    Returns
    -------
    ndarray (n, n)
        Ones on the diagonal; 0 where no content word is shared.
    """
    words = [{_hash(word) for word in stems(text)} for text in texts]
    n = len(words)
    squares = rarity * rarity
    length = [float(np.sqrt(sum(squares[w] for w in found))) or 1.0 for found in words]
    cosine = np.eye(n)
    for i in range(n):
        for j in range(i):
            shared = float(sum(squares[w] for w in words[i] & words[j]))
            cosine[i, j] = cosine[j, i] = shared / (length[i] * length[j])
    return cosine


@functools.lru_cache(maxsize=65536)
def _hash(word: str) -> int:
    return int.from_bytes(hashlib.blake2b(word.encode(), digest_size=2).digest(), "big") % N_HASHES


def rarity_of(courses: Sequence[Sequence[str]]) -> Floats:
    """Return the weight of each word hash, ``log((1 + n) / (1 + n courses that use it))``, from the outcomes of courses."""
    counts = np.zeros(N_HASHES)
    for texts in courses:
        counts[list({_hash(word) for text in texts for word in stems(text)})] += 1
    return np.asarray(np.log((1 + len(courses)) / (1 + counts)))


def features(vectors: Floats, texts: Sequence[str], rarity: Floats, middle: Floats, projection: Floats) -> list[float]:
    """Return what the model reads of a credential's outcomes."""
    rows = np.asarray(vectors, dtype=float)
    n = len(rows)
    return [
        float(np.log(n)),
        1.0 / n,
        *similarity_features(_cosines(rows)),
        *similarity_features(word_similarity(texts, rarity)),
        *similarity_features(_cosines((rows - middle) @ projection)),
    ]


def _cosines(rows: Floats) -> Floats:
    unit = rows / np.maximum(np.linalg.norm(rows, axis=1, keepdims=True), 1e-9)
    cosine = unit @ unit.T
    np.fill_diagonal(cosine, 1.0)
    return np.asarray(cosine)


# --- the folder


def save_breadth(model: BreadthModel, folder: Path, *, card: str | None = None, **facts: Any) -> None:
    """Write the folder: ``arrays.npz``, ``norms.json``, ``manifest.json`` and, where given, the card.

    Parameters
    ----------
    model : BreadthModel
    folder : Path
    card : str or None
        Text of ``README.md``; an existing card is left alone when None.
    **facts
        ``sources``, ``metrics``, ``recipe``.
    """
    folder.mkdir(parents=True, exist_ok=True)
    arrays = {name: getattr(model, name).astype(np.float32) for name in _ARRAYS}
    np.savez_compressed(folder / "arrays.npz", allow_pickle=False, **arrays)
    content = json.dumps(model.norms.to_dict(), indent=1, ensure_ascii=False) + "\n"
    (folder / "norms.json").write_text(content, encoding="utf-8", newline="\n")
    if card is not None:
        (folder / "README.md").write_text(card, encoding="utf-8", newline="\n")
    names = ("arrays.npz", "norms.json")
    manifest = {
        "format": FORMAT,
        "program": ">=0.1,<1",
        "id": model.id,
        "version": model.version,
        "kind": "breadth",
        "encoder": {"id": model.encoder_id, "sha256": model.encoder_sha256},
        **facts,
        "files": {name: hashlib.sha256((folder / name).read_bytes()).hexdigest() for name in names},
    }
    text = json.dumps(manifest, indent=1, ensure_ascii=False) + "\n"
    (folder / "manifest.json").write_text(text, encoding="utf-8", newline="\n")


def load_breadth(path: str | Path | None = None) -> BreadthModel:
    """Load a model of breadth from its folder; None is the shipped one.

    Raises
    ------
    ModelError
        If the folder is missing, incomplete, altered, or of another kind, format or version of the program.

    Examples
    --------
    >>> load_breadth().norms.n_courses > 100
    True
    """
    folder = (shipped("models") / "breadth" if path is None else Path(path)).resolve()
    stamp = tuple(f.stat().st_mtime_ns if f.is_file() else 0 for f in sorted(folder.glob("*")))
    return _load(folder, stamp)


@functools.lru_cache(maxsize=4)
def _load(folder: Path, _stamp: tuple[int, ...]) -> BreadthModel:
    hint = "install outcome-tagger again, or build it anew"
    manifest = read_manifest(folder)
    if manifest["kind"] != "breadth":
        raise ModelError(f"`{folder}`: kind is `{manifest['kind']}`, expected `breadth`", hint=hint)
    problems = verify_model(folder)
    if problems:
        raise ModelError(problems[0], hint="the file was altered or cut short; install the package again")
    try:
        with np.load(folder / "arrays.npz", allow_pickle=False) as arrays:
            found = {name: arrays[name].astype(float) for name in _ARRAYS}
        norms = BreadthNorms.from_dict(json.loads((folder / "norms.json").read_text(encoding="utf-8")))
        encoder = manifest.get("encoder") or {}
        n = len(found["centre"])
        if found["projection"].ndim != 2 or len(found["projection"]) != len(found["middle"]):
            raise ValueError("the projection does not fit")
        if (
            len(found["scale"]) != n
            or len(found["weights"]) != 2 * n - 2
            or len(found["rarity"]) != N_HASHES
            or found["joint"].shape != (2,)
        ):
            raise ValueError("arrays of different lengths")
    except (OSError, KeyError, TypeError, ValueError) as error:
        raise ModelError(f"`{folder}`: is not a model of breadth ({error})", hint=hint) from None
    return BreadthModel(
        manifest["id"],
        manifest["version"],
        encoder.get("id"),
        encoder.get("sha256"),
        **found,
        norms=norms,
        manifest=manifest,
    )
