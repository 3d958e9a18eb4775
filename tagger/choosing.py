"""From a model's scores to tags: which concepts of a text reach their thresholds, below which parents, and by which words."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

import numpy as np
import numpy.typing as npt

from tagger.encoder import FloatArray, Tokens
from tagger.evidence import best_span
from tagger.heads import LinearHead, word_shares
from tagger.model import Model
from tagger.records import Evidence, Tag
from tagger.taxonomy import Concept

__all__ = ["children", "most_tags", "raw_scores", "reached", "span_of", "tag_of", "times_parent"]


def raw_scores(model: Model, cores: Sequence[str], vectors: FloatArray) -> npt.NDArray[np.float64]:
    """Return the scores (n_texts, n_concepts) that children of one parent are compared by."""
    if isinstance(model.head, LinearHead):
        return model.head.raw(cores, vectors).astype(np.float64)
    # In float64, so that the result does not depend on how many texts are ranked together (see `LinearHead.raw`).
    known = model.head.vectors
    assert known is not None
    cosine = vectors.astype(np.float64) @ known.T.astype(np.float64)
    return np.asarray(float(model.options["sharpness"]) * cosine)


def children(model: Model, above: Model) -> list[list[int]]:
    """Return, for each concept of the taxonomy above, the positions of its children in the model's taxonomy."""
    below: list[list[int]] = [[] for _ in above.taxonomy.concepts]
    for i, concept in enumerate(model.taxonomy.concepts):
        for broader in concept.broader:
            below[above.taxonomy.index(broader)].append(i)
    return below


def times_parent(given_parent: FloatArray, parents: FloatArray, children: Sequence[Sequence[int]]) -> FloatArray:
    """Return P(child) = P(parent) P(child | parent), (n_texts, n_concepts)."""
    p = given_parent.copy()
    for parent, below in enumerate(children):
        if below:
            p[:, below] = given_parent[:, below] * parents[:, [parent]]
    return p


def most_tags(model: Model) -> int:
    """Return how many tags one text gets from a model at the most."""
    return int(model.options.get("max_tags", 3))


def reached(
    model: Model, index: npt.NDArray[np.int64], scores: FloatArray, tags: Sequence[Tag]
) -> Iterator[tuple[int, float]]:
    """Yield the concepts of one text that reach their thresholds, and whose parents are tagged: the most that the model gives."""
    n, lowest = 0, float(model.thresholds.min())
    for i, score in zip(index.tolist(), scores.tolist(), strict=True):
        if n == most_tags(model) or score < lowest:
            return
        if score >= model.thresholds[i] and (not model.parent or _has_parent(model.taxonomy.concepts[i], tags)):
            n += 1
            yield i, score


def span_of(model: Model, core: str, offset: int, tokens: Tokens | None, i: int) -> tuple[int, int]:
    """Return where the evidence of a concept stands in the text whose part `core` begins at `offset`."""
    start, end = best_span(core, word_shares(core, model.head.shares(core, tokens, i)))
    return start + offset, end + offset


def tag_of(model: Model, i: int, score: float, text: str, span: tuple[int, int], alone: float | None = None) -> Tag:
    """Return the tag of the model's concept `i` with its evidence, `text[span[0] : span[1]]`."""
    concept = model.taxonomy.concepts[i]
    start, end = span
    return Tag(
        model.taxonomy.id,
        model.taxonomy.version,
        concept.id,
        concept.label,
        round(score, 4),
        model.relation,
        (Evidence(start, end, text[start:end]),),
        model.name,
        concept.type,
        reuse_level=concept.reuse_level,
        alone=alone,
    )


def _has_parent(concept: Concept, tags: Sequence[Tag]) -> bool:
    return any(tag.concept in concept.broader for tag in tags)
