"""Tagger: models and thresholds applied to a stream of credentials. Each distinct text is encoded once."""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np

from tagger import levels, overload, size
from tagger.encoder import Encoder, FloatArray, TokenEncoder, Tokens, load_encoder
from tagger.evidence import best_span
from tagger.heads import word_shares
from tagger.language import looks_english
from tagger.model import Model, shipped_models
from tagger.records import (
    Credential,
    Evidence,
    LevelEstimate,
    Tag,
    TaggedCredential,
    TaggedOutcome,
)
from tagger.text import strip_boilerplate

__all__ = ["Tagger"]

_CACHED_TEXTS = 50_000
_LEVEL_TAXONOMY = "eqf"


@dataclass(frozen=True, slots=True)
class _Reading:
    """What the models say of one text; it depends on the text alone."""

    vector: FloatArray
    tags: tuple[Tag, ...]
    level: FloatArray | None


class Tagger:
    """Taxonomies, models and thresholds, applied to credentials.

    Parameters
    ----------
    models : sequence of Model
        In the order in which tags are listed; a model with a parent comes after the parent's.
    encoder : Encoder
        Must be the one that the models were made with.
    batch : int
        Outcomes that are encoded together; memory grows with it, results do not depend on it.

    Examples
    --------
    >>> from tagger.records import Credential, LearningOutcome
    >>> tagger = Tagger.load(["sdg"])
    >>> outcome = LearningOutcome("A/1", "Design a rainwater harvesting system for a village")
    >>> [tagged] = tagger.tag([Credential("A", outcomes=(outcome,))])
    >>> tagged.tags[0].label
    'Clean water and sanitation'
    """

    def __init__(self, models: Sequence[Model], encoder: Encoder, *, batch: int = 256) -> None:
        self.models = tuple(models)
        self.encoder = encoder
        self.batch = batch
        self._readings: OrderedDict[str, _Reading] = OrderedDict()

    @classmethod
    def load(
        cls, models: Sequence[str | Path] | None = None, *, encoder: str | Path | None = None, batch: int = 256
    ) -> Tagger:
        """Load shipped models, or those named.

        Parameters
        ----------
        models : sequence of str or Path, or None
            Names of shipped models, or model folders; None for every shipped one.
        encoder : str, Path or None
            See `tagger.encoder.load_encoder`.
        batch : int

        Raises
        ------
        ModelError
            If a model or the encoder is missing, altered, or they do not fit one another.
        """
        loaded = load_encoder(encoder)
        names = shipped_models() if models is None else models
        return cls([Model.load(name, encoder_id=loaded.id) for name in names], loaded, batch=batch)

    def tag(self, credentials: Iterable[Credential]) -> Iterator[TaggedCredential]:
        """Tag and check credentials, in order, as a stream.

        A credential whose outcomes are not in a language that the models read is given back untagged, and says so in
        `not_checked`.
        """
        pending: list[Credential] = []
        n = 0
        for credential in credentials:
            pending.append(credential)
            n += max(1, len(credential.outcomes))
            if n >= self.batch:
                yield from self._tag_batch(pending)
                pending, n = [], 0
        if pending:
            yield from self._tag_batch(pending)

    def suggest(self, texts: Sequence[str], taxonomy: str, top: int = 10) -> list[list[tuple[int, float]]]:
        """Rank concepts for texts, without a threshold.

        Parameters
        ----------
        texts : sequence of str
        taxonomy : str
            Id of a taxonomy that one of the models serves.
        top : int

        Returns
        -------
        list of list of (int, float)
            For each text, best first: index of the concept in the taxonomy, and its score.

        Raises
        ------
        KeyError
            If no model serves the taxonomy.
        """
        model = self.model_for(taxonomy)
        cores = [_core(t)[1] for t in texts]
        unique = list(dict.fromkeys(cores))
        found: dict[str, list[tuple[int, float]]] = {}
        for start in range(0, len(unique), self.batch):
            part = unique[start : start + self.batch]
            vectors = self.encoder.encode(part)
            index, scores = model.top(part, vectors, top)
            for text, i, s in zip(part, index.tolist(), scores.tolist(), strict=True):
                found[text] = list(zip(i, s, strict=True))
        return [found[core] for core in cores]

    def model_for(self, taxonomy: str) -> Model:
        """Return the model that serves a taxonomy; KeyError if none does."""
        for model in self.models:
            if model.taxonomy.id == taxonomy:
                return model
        raise KeyError(taxonomy)

    def explain(self, text: str, runners_up: int = 3) -> dict[str, Any]:
        """Say what is tagged in one outcome, what came next, and what was decisive.

        Returns
        -------
        dict
            ``text``, and ``taxonomies``: for each, ``model``, ``tags`` (concept, label, score, threshold, evidence) and
            ``runners_up`` (concept, label, score, threshold), best first.
        """
        [reading] = self._read([text])
        start, core = _core(text)
        vectors = self.encoder.encode([core])
        out = []
        for model in self.models:
            tagged = [t for t in reading.tags if t.model == model.name]
            index, scores = model.top([core], vectors, runners_up + len(tagged))
            ranked = []
            for i, score in zip(index[0].tolist(), scores[0].tolist(), strict=True):
                concept = model.taxonomy.concepts[i]
                ranked.append(
                    {
                        "concept": concept.id,
                        "label": concept.label,
                        "score": round(score, 4),
                        "threshold": round(float(model.thresholds[i]), 4),
                    }
                )
            by_concept = {t.concept: t for t in tagged}
            out.append(
                {
                    "taxonomy": model.taxonomy.id,
                    "model": model.name,
                    "parent": model.parent,
                    "tags": [
                        {
                            "concept": t.concept,
                            "label": t.label,
                            "score": t.score,
                            "threshold": round(float(model.thresholds[model.taxonomy.index(t.concept)]), 4),
                            "evidence": [{"start": e.start, "end": e.end, "text": e.text} for e in t.evidence],
                        }
                        for t in tagged
                    ],
                    "runners_up": [r for r in ranked if r["concept"] not in by_concept][:runners_up],
                }
            )
        return {"text": text, "read": {"start": start, "end": start + len(core)}, "taxonomies": out}

    def _tag_batch(self, credentials: Sequence[Credential]) -> Iterator[TaggedCredential]:
        readable = [_is_readable(c) for c in credentials]
        texts = [o.text for c, ok in zip(credentials, readable, strict=True) if ok for o in c.outcomes]
        readings = dict(zip(texts, self._read(texts), strict=True))
        for credential, ok in zip(credentials, readable, strict=True):
            yield self._assemble(credential, [readings[o.text] for o in credential.outcomes] if ok else None)

    def _read(self, texts: Sequence[str]) -> list[_Reading]:
        new = [t for t in dict.fromkeys(texts) if t not in self._readings]
        fresh = dict(zip(new, self._encode_and_tag(new), strict=True)) if new else {}
        result = []
        for text in texts:
            if text in fresh:
                result.append(fresh[text])
            else:
                self._readings.move_to_end(text)
                result.append(self._readings[text])
        self._readings.update(fresh)
        while len(self._readings) > _CACHED_TEXTS:
            self._readings.popitem(last=False)
        return result

    def _encode_and_tag(self, texts: Sequence[str]) -> list[_Reading]:
        offsets, cores = zip(*map(_core, texts), strict=True)
        tokens: Sequence[Tokens | None]
        if isinstance(self.encoder, TokenEncoder):
            vectors, tokens = self.encoder.encode_tokens(cores)
        else:
            vectors, tokens = self.encoder.encode(cores), [None] * len(cores)
        tags: list[list[Tag]] = [[] for _ in texts]
        level: FloatArray | None = None
        for model in self.models:
            if model.taxonomy.id == _LEVEL_TAXONOMY:
                level = model.scores(cores, vectors)
                continue
            k = min(model.options.get("max_tags", 3), len(model.taxonomy.concepts))
            if model.parent is not None:
                chosen = self._below_parent(model, cores, vectors, tags)
            else:
                index, scores = model.top(cores, vectors, k)
                chosen = [
                    [(i, s) for i, s in zip(row, values, strict=True) if s >= model.thresholds[i]]
                    for row, values in zip(index.tolist(), scores.tolist(), strict=True)
                ]
            for n, found in enumerate(chosen):
                for i, score in found[:k]:
                    concept = model.taxonomy.concepts[i]
                    shares = word_shares(cores[n], model.head.shares(cores[n], tokens[n], i))
                    start, end = best_span(cores[n], shares)
                    start, end = start + offsets[n], end + offsets[n]
                    tags[n].append(
                        Tag(
                            model.taxonomy.id,
                            model.taxonomy.version,
                            concept.id,
                            concept.label,
                            round(score, 4),
                            model.relation,
                            (Evidence(start, end, texts[n][start:end]),),
                            model.name,
                            concept.type,
                        )
                    )
        return [
            _Reading(vectors[n], tuple(tags[n]), None if level is None else level[n]) for n in range(len(texts))
        ]

    def _below_parent(
        self, model: Model, cores: Sequence[str], vectors: FloatArray, tags: Sequence[Sequence[Tag]]
    ) -> list[list[tuple[int, float]]]:
        """Score a child taxonomy's concepts below the tags that an outcome has in the parent taxonomy.

        The head's scores are turned into P(child | parent) by a softmax over the parent's children, and multiplied by the
        parent's probability.
        """
        children: dict[str, list[int]] = {}
        for i, concept in enumerate(model.taxonomy.concepts):
            for broader in concept.broader:
                children.setdefault(broader, []).append(i)
        wanted = [n for n, found in enumerate(tags) if any(t.taxonomy == model.parent for t in found)]
        result: list[list[tuple[int, float]]] = [[] for _ in cores]
        if not wanted:
            return result
        cosine = vectors[wanted] @ model.head.vectors.T  # type: ignore[union-attr]
        sharpness = float(model.options["sharpness"])
        for row, n in zip(cosine, wanted, strict=True):
            found = []
            for parent in tags[n]:
                below = children.get(parent.concept, []) if parent.taxonomy == model.parent else []
                if not below:
                    continue
                e = np.exp(sharpness * (row[below] - row[below].max()))
                given = e / e.sum() * parent.score
                found += [(i, float(s)) for i, s in zip(below, given, strict=True) if s >= model.thresholds[i]]
            result[n] = sorted(found, key=lambda x: (-x[1], x[0]))
        return result

    def _assemble(self, credential: Credential, readings: Sequence[_Reading] | None) -> TaggedCredential:
        not_checked: list[str] = []
        if readings is None:
            not_checked.append("tags: the outcomes do not read as English, and the models read no other language")
        estimate = None
        if readings:
            estimate = self._estimate_level(readings)
        credential = replace(
            credential,
            size=size.resolve_hours(credential),
            level=replace(credential.level, estimated=estimate),
        )
        vectors = np.stack([r.vector for r in readings]) if readings else None
        findings = []
        for check in (size.check(credential), overload.check(credential, vectors), levels.check(credential)):
            findings += check[0]
            not_checked += check[1]
        outcomes = tuple(
            TaggedOutcome(o, readings[n].tags if readings else ()) for n, o in enumerate(credential.outcomes)
        )
        return TaggedCredential(credential, outcomes, _roll_up(outcomes), tuple(findings), tuple(not_checked))

    def _estimate_level(self, readings: Sequence[_Reading]) -> LevelEstimate | None:
        """Combine the outcomes' level probabilities: a geometric mean, sharpened by the number of outcomes."""
        rows = [r.level for r in readings if r.level is not None]
        if not rows:
            return None
        model = self.model_for(_LEVEL_TAXONOMY)
        power, shrink = float(model.options["power"]), float(model.options["shrink"])
        z = np.log(np.stack(rows) + 1e-6).mean(axis=0) * shrink * len(rows) ** power
        p = np.exp(z - z.max())
        p /= p.sum()
        notations = [c.level or c.notation or c.label for c in model.taxonomy.concepts]
        distribution = {k: round(float(v), 4) for k, v in zip(notations, p, strict=True)}
        best = int(p.argmax())
        confident = float(p[best]) >= float(model.thresholds[best])
        return LevelEstimate(int(notations[best]) if confident else None, distribution, model.name)


def _core(text: str) -> tuple[int, str]:
    """Return the start and text of the part without learner boilerplate."""
    start, end = strip_boilerplate(text)
    return (start, text[start:end]) if end > start else (0, text)


def _is_readable(credential: Credential) -> bool:
    if credential.language is not None:
        return credential.language.lower().startswith("en")
    return looks_english(" ".join(o.text for o in credential.outcomes[:8]))


def _roll_up(outcomes: Sequence[TaggedOutcome]) -> tuple[Tag, ...]:
    """Roll outcome tags up to the credential: the score is that of the outcome that carries the tag most surely."""
    groups: dict[tuple[str, str], list[tuple[float, int, Tag]]] = {}
    order: dict[str, int] = {}
    for n, outcome in enumerate(outcomes):
        for tag in outcome.tags:
            order.setdefault(tag.taxonomy, len(order))
            groups.setdefault((tag.taxonomy, tag.concept), []).append((-tag.score, n, tag))
    rolled = []
    for found in groups.values():
        found.sort(key=lambda x: x[:2])
        best = found[0][2]
        rolled.append(replace(best, evidence=(), outcomes=tuple(outcomes[n].outcome.id for _, n, _ in found)))
    return tuple(sorted(rolled, key=lambda t: (order[t.taxonomy], -t.score, t.concept)))
