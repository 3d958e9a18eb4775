"""What to look at first: scores near the threshold, outcomes whose neighbours are tagged otherwise, and many at a time."""

from __future__ import annotations

import math
from collections.abc import Iterable, Sequence
from dataclasses import replace
from typing import TYPE_CHECKING

import numpy as np
import numpy.typing as npt

from tagger.errors import TaggerError
from tagger.review.items import ReviewItem, near_text

if TYPE_CHECKING:
    from tagger.encoder import Encoder

__all__ = ["disagreement", "ranked", "thresholds"]

N_NEIGHBOURS = 8
MIN_COSINE = 0.45
"""Texts less alike than this say nothing about one another: pairs of unrelated outcomes lie below it with the shipped encoder."""
MAX_POOL = 20_000
"""Neighbours are looked for among this many texts, the most frequent ones."""
_SMOOTHING = 1.0  # about two neighbours' worth of doubt: one neighbour alone says little
_CHUNK = 256
_OPEN_SCORE = 0.35  # uncertainty of an outcome without tags: somewhere between a sure tag and a doubtful one


def ranked(items: Sequence[ReviewItem], encoder: Encoder | None = None) -> list[ReviewItem]:
    """Return the items, most informative first, each with its priority and the reason.

    Priority is (uncertainty + disagreement) x (1 + log2 of the number of outcomes served) / 2. Uncertainty is 1 where the score
    stands at its threshold and falls to 0 towards a score of 1. Disagreement is the share of similar outcomes that are tagged
    otherwise, weighted by similarity, and shrunk where few are similar.

    Parameters
    ----------
    items : sequence of ReviewItem
        All of a catalogue: its neighbours are looked for among them.
    encoder : Encoder or None
        None looks at no neighbours.
    """
    limits = thresholds(items)
    differing = [(0.0, "")] * len(items) if encoder is None else disagreement(items, encoder)
    found = []
    for item, (share, remark) in zip(items, differing, strict=True):
        uncertain = _uncertainty(item, limits)
        priority = (uncertain + share) * (1 + math.log2(item.n_outcomes)) / 2
        reasons = []
        if item.score is not None and uncertain >= 0.6:
            reasons.append(f"score near the threshold ({limits[item.id]:.2f})")
        if remark:
            reasons.append(remark)
        if item.n_outcomes > 1:
            reasons.append(f"serves {item.n_outcomes:,} outcomes")
        if not item.is_read:
            reasons.append("not read by the models (language)")
        found.append(replace(item, priority=round(priority, 4), why="; ".join(reasons)))
    return sorted(found, key=lambda i: (-i.priority, i.outcome or "", i.id))


def thresholds(items: Iterable[ReviewItem]) -> dict[str, float]:
    """Return, by item id, the threshold that its tag's score passed.

    It is that of the model that made the tag, where this is installed; else the lowest score of the taxonomy in the file, which
    the threshold cannot be above.
    """
    from tagger.model import Model, read_manifest, shipped_models
    from tagger.shipped import shipped

    items = [i for i in items if i.score is not None]
    lowest: dict[str, float] = {}
    for item in items:
        assert item.score is not None
        lowest[item.taxonomies[0]] = min(item.score, lowest.get(item.taxonomies[0], 1.0))
    wanted = {i.model for i in items}
    models: dict[str, Model] = {}
    for name in shipped_models():
        manifest = read_manifest(shipped("models") / name)
        if f"{manifest['id']}@{manifest['version']}" in wanted:
            try:
                model = Model.load(name)
            except TaggerError:  # a broken model is no reason not to review; `tagger models` tells of it
                continue
            models[model.name] = model
    found = {}
    for item in items:
        limit = lowest[item.taxonomies[0]]
        if (owner := models.get(item.model or "")) and item.concept and owner.taxonomy.get(item.concept):
            limit = min(float(owner.thresholds[owner.taxonomy.index(item.concept)]), item.score or 1.0)
        found[item.id] = limit
    return found


def _uncertainty(item: ReviewItem, limits: dict[str, float]) -> float:
    if item.score is None:
        return _OPEN_SCORE if item.is_read else 0.0
    limit = limits[item.id]
    return 1 - (item.score - limit) / (1 - limit) if limit < 1 else 0.0


def disagreement(items: Sequence[ReviewItem], encoder: Encoder) -> list[tuple[float, str]]:
    """Return, parallel to `items`, how much similar outcomes are tagged otherwise (0 to 1), and a remark where it matters.

    For a tag it is the share of neighbours without that concept; for an outcome without tags, the largest share of neighbours
    that have one concept in common.
    """
    keys = {item.id: near_text(item.text) for item in items}
    texts: dict[str, str] = {}
    weight: dict[str, int] = {}
    concepts: dict[str, dict[tuple[str, str], str]] = {}
    for item in items:
        key = keys[item.id]
        texts.setdefault(key, item.text)
        weight[key] = max(weight.get(key, 0), item.n_outcomes)
        held = concepts.setdefault(key, {})
        if item.concept is not None:
            held[item.taxonomies[0], item.concept] = item.label or item.concept
    if len(texts) < 2:
        return [(0.0, "")] * len(items)
    names = list(texts)
    vectors = encoder.encode([texts[k] for k in names])
    near = _neighbours(vectors, sorted(range(len(names)), key=lambda n: -weight[names[n]])[:MAX_POOL])
    place = {k: n for n, k in enumerate(names)}
    return [_differs(item, [(names[n], c) for n, c in near[place[keys[item.id]]]], concepts) for item in items]


def _differs(
    item: ReviewItem, near: Sequence[tuple[str, float]], concepts: dict[str, dict[tuple[str, str], str]]
) -> tuple[float, str]:
    if not near:
        return 0.0, ""
    total = sum(c for _, c in near) + _SMOOTHING
    if item.concept is not None:
        tag = (item.taxonomies[0], item.concept)
        without = [(k, c) for k, c in near if tag not in concepts[k]]
        share = sum(c for _, c in without) / total
        remark = (
            f"{len(without)} of {len(near)} similar outcomes do without this tag"
            if len(near) > 1 and share >= 0.5
            else ""
        )
        return share, remark
    shares: dict[tuple[str, str], tuple[float, int]] = {}
    labels: dict[tuple[str, str], str] = {}
    for key, cosine in near:
        for tag, label in concepts[key].items():
            if tag[0] in item.taxonomies:
                sum_, n = shares.get(tag, (0.0, 0))
                shares[tag], labels[tag] = (sum_ + cosine, n + 1), label
    if not shares:
        return 0.0, ""
    best = max(shares, key=lambda t: shares[t][0])
    share, n = shares[best][0] / total, shares[best][1]
    return share, f"{n} of {len(near)} similar outcomes have {labels[best]}" if n > 1 and share >= 0.3 else ""


def _neighbours(vectors: npt.NDArray[np.float32], pool: Sequence[int]) -> list[list[tuple[int, float]]]:
    """Return for each row its nearest rows of the pool with their cosine, itself left out, nearest first."""
    index = np.asarray(pool)
    among = vectors[index]
    k = min(N_NEIGHBOURS + 1, len(pool))
    found: list[list[tuple[int, float]]] = []
    for start in range(0, len(vectors), _CHUNK):
        cosine = vectors[start : start + _CHUNK] @ among.T
        best = np.argpartition(-cosine, k - 1, axis=1)[:, :k]
        for row, columns in enumerate(best):
            pairs = sorted(
                ((float(cosine[row, c]), int(index[c])) for c in columns if index[c] != start + row), reverse=True
            )
            found.append([(n, c) for c, n in pairs[:N_NEIGHBOURS] if c >= MIN_COSINE])
    return found
