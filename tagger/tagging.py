"""Tagger: models and thresholds applied to a stream of credentials. Each distinct text is encoded once."""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from tagger import levels, overload, size, wording
from tagger.choosing import children, most_tags, raw_scores, reached, span_of, tag_of, times_parent
from tagger.context import Context, thresholds_in_context
from tagger.derived import Derivation, derivation_of
from tagger.encoder import Encoder, FloatArray, TokenEncoder, Tokens, load_encoder
from tagger.evidence import best_span
from tagger.heads import best, word_shares
from tagger.language import guess_language, is_tag, primary_tag
from tagger.model import Model, shipped_models
from tagger.norms import Course, Norms, load_norms
from tagger.records import (
    UNREAD,
    Credential,
    LevelEstimate,
    Tag,
    TaggedCredential,
    TaggedOutcome,
)
from tagger.taxonomy import load_taxonomy
from tagger.text import strip_boilerplate

__all__ = ["Tagger", "roll_up"]

_CACHED_TEXTS = 50_000
_KEPT_TOKENS = 1024
"""Token vectors of so many texts are kept at the most, from reading them to looking for evidence."""
_LEVEL_TAXONOMY = "eqf"


@dataclass(frozen=True, slots=True)
class _Reading:
    """What the models say of one text; it depends on the text alone.

    Attributes
    ----------
    vector : ndarray (dim,)
    tags : tuple of Tag
        Of the models that look at the text alone.
    level : ndarray (n_levels,) or None
    scores : dict of str to ndarray
        Of the models whose tags depend on the credential too (by model id), and of those below them: probabilities, below a
        parent those given the parent.
    spans : dict
        Where evidence was found, by model id and concept.
    """

    vector: FloatArray
    tags: tuple[Tag, ...]
    level: FloatArray | None
    scores: dict[str, FloatArray] = field(default_factory=dict)
    spans: dict[tuple[str, int], tuple[int, int]] = field(default_factory=dict)


class Tagger:
    """Taxonomies, models and thresholds, applied to credentials.

    What was read of the last 50,000 distinct texts is kept (about 2 to 5 kB each). For that reason one tagger is not to be
    used from several threads at the same time; give each its own, with the same models and encoder.

    Parameters
    ----------
    models : sequence of Model
        In the order in which tags are listed; a model with a parent comes after the parent's.
    encoder : Encoder
        Must be the one that the models were made with.
    batch : int
        Outcomes that are encoded together; memory grows with it, results do not depend on it.
    language : str or None
        Of credentials that neither state theirs nor show it; None for English if a model reads it.
    derivations : sequence of Derivation
        Taxonomies whose tags follow from those of a taxonomy that a model serves.
    norms : Norms or None
        What the number and breadth of outcomes are held against; None is the shipped ones.

    Examples
    --------
    >>> from tagger.records import Credential, LearningOutcome
    >>> tagger = Tagger.load(["sdg"])
    >>> outcome = LearningOutcome("A/1", "Design a rainwater harvesting system for a village")
    >>> [tagged] = tagger.tag([Credential("A", outcomes=(outcome,))])
    >>> tagged.tags[0].label
    'Clean water and sanitation'
    """

    def __init__(
        self,
        models: Sequence[Model],
        encoder: Encoder,
        *,
        batch: int = 256,
        language: str | None = None,
        derivations: Sequence[Derivation] = (),
        norms: Norms | None = None,
    ) -> None:
        self.models = tuple(models)
        self.encoder = encoder
        graph = getattr(encoder, "sha256", None)
        self.norms = (Norms.shipped() if norms is None else norms).for_encoder(encoder.id, graph)
        self.batch = batch
        self.derivations = tuple(derivations)
        self._contexts = {m.name: Context.of(m.options["context"]) for m in models if "context" in m.options}
        self._below_parent = {
            m.name: children(m, above)
            for m in models
            if m.parent is not None and (above := next((a for a in models if a.taxonomy.id == m.parent), None))
        }
        in_context = {m.taxonomy.id for m in models if m.parent is None and m.name in self._contexts}
        self._surrounded = {m.name for m in models if (m.parent or m.taxonomy.id) in in_context}
        self._titles: OrderedDict[tuple[str, str], dict[str, FloatArray]] = OrderedDict()
        self._tokens: dict[str, Tokens | None] = {}
        self.language = None if language is None else primary_tag(language)
        self._readings: OrderedDict[tuple[str, str], _Reading] = OrderedDict()

    @classmethod
    def load(
        cls,
        models: Sequence[str | Path] | None = None,
        *,
        taxonomies: Sequence[str | Path] | None = None,
        encoder: str | Path | None = None,
        batch: int = 256,
        language: str | None = None,
        norms: str | Path | None = None,
        say: Callable[[str], Any] = lambda _: None,
        progress: Callable[[int, int], Any] = lambda done, of: None,
    ) -> Tagger:
        """Load shipped models, or those named.

        Parameters
        ----------
        models : sequence of str or Path, or None
            Names of shipped models, or model folders; None for every shipped one, or none if `taxonomies` are given. A model
            that tags below another taxonomy brings the shipped model of that taxonomy along.
        taxonomies : sequence of str or Path, or None
            Names of shipped taxonomies, or taxonomy folders, to tag with: see `tagger.zero_shot.model_for_taxonomy`. One with
            the id of another takes its place. ``default`` stands for every shipped model. One whose tags follow from another
            taxonomy's (`tagger.derived`) brings the shipped model of that along.
        encoder : str, Path or None
            See `tagger.encoder.load_encoder`. None for the shipped one, or that which one of the model folders brings along.
        batch, language
            See the class.
        norms : str, Path or None
            Folder with norms of a catalogue (`tagger.norms.load_norms`); None for the shipped ones.
        say, progress : callable
            Told in words, and in concepts done of how many, when the vectors of a taxonomy have to be made.

        Raises
        ------
        ModelError
            If a model or the encoder is missing, altered, or they do not fit one another.
        """
        loaded = load_encoder(encoder if encoder is not None else _own_encoder(models or ()))
        graph = getattr(loaded, "sha256", None)

        def load(name: str | Path) -> Model:
            return Model.load(name, encoder_id=loaded.id, encoder_sha256=graph)

        asked = list(taxonomies or ())
        names = list(models or ())
        if "default" in asked or (models is None and not asked):
            names = [*shipped_models(), *names]
        found = [load(n) for n in names]
        derivations = []
        for name in asked:
            derivation = None if name == "default" else derivation_of(load_taxonomy(name))
            if derivation is not None:
                derivations.append(derivation)
            elif name != "default":
                from tagger.zero_shot import model_for_taxonomy

                made = model_for_taxonomy(name, loaded, say=say, progress=progress)
                found = [*(m for m in found if m.taxonomy.id != made.taxonomy.id), made]
        served = {m.taxonomy.id for m in found}
        needed = [*(m.parent for m in found), *(d.source for d in derivations)]
        missing = dict.fromkeys(name for name in needed if name is not None and name not in served)
        found = [*map(load, missing), *found]
        found.sort(key=lambda m: m.parent is not None)  # parents first, else as given
        own = None if norms is None else load_norms(norms)
        return cls(found, loaded, batch=batch, language=language, derivations=derivations, norms=own)

    @property
    def languages(self) -> tuple[str, ...]:
        """Languages that the models read, as primary tags such as "en", in the order of the models."""
        return tuple(dict.fromkeys(m.taxonomy.language for m in self.models))

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

    def measure(self, credentials: Iterable[Credential]) -> Iterator[Course]:
        """Return what norms are made of (`tagger.norms.build_norms`) for each credential, as a stream."""
        for tagged in self.tag(credentials):
            vectors = self.vectors(tagged)
            tags = None if vectors is None else [o.tags for o in tagged.outcomes]
            yield overload.course_of(tagged.credential, vectors, norms=self.norms, tags=tags)

    def vectors(self, tagged: TaggedCredential) -> FloatArray | None:
        """Return the vectors of a credential's outcomes, (n_outcomes, dim); None where none were read."""
        if not tagged.outcomes or not tagged.is_read:
            return None
        vectors = []
        for outcome in tagged.outcomes:
            text = outcome.outcome.text
            kept = next((r for tag in self.languages if (r := self._readings.get((tag, text))) is not None), None)
            vectors.append(self.encoder.encode([_core(text)[1]])[0] if kept is None else kept.vector)
        return np.stack(vectors)

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
            vectors, tokens = self._encode(part)
            index, scores = self._top(model, part, vectors, top, tokens)
            for text, i, s in zip(part, index.tolist(), scores.tolist(), strict=True):
                found[text] = list(zip(i, s, strict=True))
        return [found[core] for core in cores]

    def model_for(self, taxonomy: str) -> Model:
        """Return the model that serves a taxonomy; KeyError if none does."""
        for model in self.models:
            if model.taxonomy.id == taxonomy:
                return model
        raise KeyError(taxonomy)

    def explain(self, text: str, runners_up: int = 3, *, title: str | None = None) -> dict[str, Any]:
        """Say what is tagged in one outcome, what came next, and what was decisive.

        Parameters
        ----------
        text : str
        runners_up : int
        title : str or None
            Of the credential that the outcome belongs to, where it is to count.

        Returns
        -------
        dict
            ``text``, ``title``, ``language`` (None for one that no model reads), ``read`` (the part without learner boilerplate),
            and ``taxonomies``: for each, ``model``, ``tags`` (concept, label, score, the score by the outcome's words alone where
            the title counted, threshold, evidence, and the score without the evidence) and ``runners_up`` (concept, label, score,
            threshold), best first.
        """
        language, title = guess_language(text, self.languages, self.language), (title or "").strip() or None
        read_as = language or self.languages[0]
        start, core = _core(text)
        [tagged] = self._tags_of([text], title, read_as)
        vectors, tokens = self._encode([core])
        out = []
        for model in self._reading(read_as):
            own = [t for t in tagged if t.model == model.name]
            limits = self._limits(model, text, title, read_as)
            if self._is_in_context(model):
                index, scores = best(self._in_context(model, [text], title, read_as), runners_up + len(own))
            else:
                index, scores = self._top(model, [core], vectors, runners_up + len(own), tokens)
            ranked = []
            for i, score in zip(index[0].tolist(), scores[0].tolist(), strict=True):
                concept = model.taxonomy.concepts[i]
                ranked.append(
                    {
                        "concept": concept.id,
                        "label": concept.label,
                        "score": round(score, 4),
                        "threshold": round(float(limits[i]), 4),
                    }
                )
            by_concept = {t.concept: t for t in own}
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
                            "alone": t.alone,
                            "threshold": round(float(limits[model.taxonomy.index(t.concept)]), 4),
                            "evidence": [{"start": e.start, "end": e.end, "text": e.text} for e in t.evidence],
                            "without_evidence": self._without_evidence(model, text, t, title, read_as),
                        }
                        for t in own
                    ],
                    "runners_up": [r for r in ranked if r["concept"] not in by_concept][:runners_up],
                }
            )
        return {
            "text": text,
            "title": title,
            "language": language,
            "read": {"start": start, "end": start + len(core)},
            "taxonomies": out,
        }

    def _limits(self, model: Model, text: str, title: str | None, language: str) -> FloatArray:
        """Return what each concept's score has to reach for one outcome under its title, (n_concepts,)."""
        context = self._contexts.get(model.name)
        if context is None or not context.weighs(self._title_scores(model, title, language), 1):
            return model.thresholds
        [reading] = self._read([text], language)
        return thresholds_in_context(reading.scores[model.name], model.thresholds, context.needed)

    def _without_evidence(self, model: Model, text: str, tag: Tag, title: str | None, language: str) -> float | None:
        """Return the score that the tag's concept would have without its evidence; None where no word would be left."""
        rest = text
        for evidence in sorted(tag.evidence, key=lambda e: -e.start):
            rest = f"{rest[: evidence.start].rstrip()} {rest[evidence.end :].lstrip()}"
        rest = rest.strip()
        _, core = _core(rest)
        if not tag.evidence or not any(c.isalnum() for c in core):
            return None
        concept = model.taxonomy.index(tag.concept)
        if self._is_in_context(model):
            return round(float(self._in_context(model, [rest], title, language)[0, concept]), 4)
        vectors, tokens = self._encode([core])
        index, scores = self._top(model, [core], vectors, len(model.taxonomy.concepts) if model.parent else 30, tokens)
        found = dict(zip(index[0].tolist(), scores[0].tolist(), strict=True))
        return round(float(found.get(concept, 0.0)), 4)

    def _tag_batch(self, credentials: Sequence[Credential]) -> Iterator[TaggedCredential]:
        languages = [self._language(c) for c in credentials]
        for language in dict.fromkeys(found for found in languages if found is not None):
            own = [c for c, spoken in zip(credentials, languages, strict=True) if spoken == language]
            self._read([o.text for c in own for o in c.outcomes], language)
            self._read_titles([t for c in own if c.outcomes and (t := (c.title or "").strip())], language)
        for credential, spoken in zip(credentials, languages, strict=True):
            yield self._assemble(credential, spoken)
        self._tokens.clear()

    def _language(self, credential: Credential) -> str | None:
        """Return the language to read a credential in; None if no model reads it."""
        stated = credential.language
        if stated is not None and is_tag(stated):
            return tag if (tag := primary_tag(stated)) in self.languages else None
        return guess_language(" ".join(o.text for o in credential.outcomes[:8]), self.languages, self.language)

    def _reading(self, language: str) -> list[Model]:
        return [m for m in self.models if m.taxonomy.language == language]

    def _read(self, texts: Sequence[str], language: str) -> list[_Reading]:
        new = [t for t in dict.fromkeys(texts) if (language, t) not in self._readings]
        fresh: dict[str, _Reading] = {}
        for first in range(0, len(new), self.batch):  # one credential may hold many batches of outcomes
            part = new[first : first + self.batch]
            fresh |= zip(part, self._encode_and_tag(part, language), strict=True)
        result = []
        for text in texts:
            if text in fresh:
                result.append(fresh[text])
            else:
                self._readings.move_to_end((language, text))
                result.append(self._readings[language, text])
        self._readings.update({(language, text): reading for text, reading in fresh.items()})
        while len(self._readings) > _CACHED_TEXTS:
            self._readings.popitem(last=False)
        return result

    def _encode_and_tag(self, texts: Sequence[str], language: str) -> list[_Reading]:
        offsets, cores = zip(*map(_core, texts), strict=True)
        vectors, tokens = self._encode(cores)
        tags: list[list[Tag]] = [[] for _ in texts]
        level: FloatArray | None = None
        weighed: dict[str, FloatArray] = {}
        for model in self._reading(language):
            if model.taxonomy.id == _LEVEL_TAXONOMY:
                level = model.scores(cores, vectors, tokens)
                continue
            if self._is_in_context(model):
                weighed[model.name] = (
                    self._below(model, cores, vectors) if model.parent else model.scores(cores, vectors, tokens)
                )
                continue
            most, n_concepts = most_tags(model), len(model.taxonomy.concepts)
            # Below a parent, concepts of goals that are not tagged take no place from those of goals that are.
            k = n_concepts if model.parent else min(most, n_concepts)
            index, scores = self._top(model, cores, vectors, k, tokens)
            for n in range(len(cores)):
                for i, score in reached(model, index[n], scores[n], tags[n]):
                    span = span_of(model, cores[n], offsets[n], tokens[n], i)
                    tags[n].append(tag_of(model, i, score, texts[n], span))
        if weighed:
            self._keep_tokens(cores, tokens)
        return [  # copies: a row that is kept would keep its whole batch in memory
            _Reading(
                vectors[n].copy(),
                tuple(tags[n]),
                None if level is None else level[n].copy(),
                {name: rows[n].copy() for name, rows in weighed.items()},
            )
            for n in range(len(texts))
        ]

    def _is_in_context(self, model: Model) -> bool:
        """Say whether a model's tags depend on the credential around the outcome."""
        return model.name in self._surrounded

    def _read_titles(self, titles: Sequence[str], language: str) -> None:
        """Score titles with the models that weigh them; nothing is said of one that reads as another language."""
        models = [m for m in self._reading(language) if m.name in self._contexts]
        for title in titles:  # those asked for are the last to be forgotten
            if (language, title) in self._titles:
                self._titles.move_to_end((language, title))
        new = [t for t in dict.fromkeys(titles) if (language, t) not in self._titles] if models else []
        read = [t for t in new if guess_language(t, self.languages, language) == language]
        self._titles |= {(language, t): {} for t in new}
        for first in range(0, len(read), self.batch):
            part = read[first : first + self.batch]
            vectors, tokens = self._encode(part)
            scores = {m.name: m.scores(part, vectors, tokens) for m in models}
            self._titles |= {
                (language, t): {name: rows[n].copy() for name, rows in scores.items()} for n, t in enumerate(part)
            }
        while len(self._titles) > max(_CACHED_TEXTS, len(titles)):
            self._titles.popitem(last=False)

    def _in_context(self, model: Model, texts: Sequence[str], title: str | None, language: str) -> FloatArray:
        """Return the probabilities (n_texts, n_concepts) of a credential's outcomes by all that the credential says."""
        distinct = list(dict.fromkeys(texts))  # an outcome that is listed twice is not its own surroundings
        place = {text: n for n, text in enumerate(distinct)}
        position = [place[text] for text in texts]
        own = np.stack([r.scores[model.name] for r in self._read(distinct, language)])
        if model.parent is None:
            return self._contexts[model.name].apply(own, self._title_scores(model, title, language))[position]
        above = self.model_for(model.parent)
        parents = self._in_context(above, distinct, title, language)
        return times_parent(own, parents, self._below_parent[model.name])[position]

    def _title_scores(self, model: Model, title: str | None, language: str) -> FloatArray | None:
        """Return what a title says, (n_concepts,); None without one, or one in another language."""
        if not title:
            return None
        self._read_titles([title], language)
        return self._titles[language, title].get(model.name)

    def _tags_of(self, texts: Sequence[str], title: str | None, language: str) -> list[tuple[Tag, ...]]:
        """Return the tags of each of a credential's outcomes, in the order of the models."""
        readings = self._read(texts, language)
        order = {m.name: n for n, m in enumerate(self.models)}
        tags = [list(r.tags) for r in readings]
        for model in self._reading(language):
            if not self._is_in_context(model) or not texts:
                continue
            p = self._in_context(model, texts, title, language)
            most, n_concepts = most_tags(model), len(model.taxonomy.concepts)
            alone = None
            if model.parent is None:
                around = self._title_scores(model, title, language)
                if self._contexts[model.name].weighs(around, len(set(texts))):
                    alone = np.stack([r.scores[model.name] for r in readings])
                    limits = thresholds_in_context(alone, model.thresholds, self._contexts[model.name].needed)
                    p = np.where(p >= limits, p, 0.0).astype(np.float32)
            index, scores = best(p, n_concepts if model.parent else min(most, n_concepts))
            for n, text in enumerate(texts):
                for i, score in reached(model, index[n], scores[n], tags[n]):
                    span = self._kept_span(model, text, readings[n], i)
                    own = None if alone is None else round(float(alone[n][i]), 4)
                    tags[n].append(tag_of(model, i, score, text, span, own))
        return [tuple(sorted(found, key=lambda t: order[t.model])) for found in tags]

    def _keep_tokens(self, cores: Sequence[str], tokens: Sequence[Tokens | None]) -> None:
        if len(self._tokens) + len(cores) > _KEPT_TOKENS:
            self._tokens.clear()
        self._tokens.update(zip(cores, tokens, strict=True))

    def _kept_span(self, model: Model, text: str, reading: _Reading, i: int) -> tuple[int, int]:
        key = (model.id, i)
        if key not in reading.spans:
            offset, core = _core(text)
            tokens = self._tokens.get(core)
            if tokens is None and isinstance(self.encoder, TokenEncoder):
                self._keep_tokens([core], self._encode([core])[1])
                tokens = self._tokens[core]
            reading.spans[key] = span_of(model, core, offset, tokens, i)
        return reading.spans[key]

    def _encode(self, texts: Sequence[str]) -> tuple[FloatArray, Sequence[Tokens | None]]:
        if isinstance(self.encoder, TokenEncoder):
            return self.encoder.encode_tokens(texts)
        return self.encoder.encode(texts), [None] * len(texts)

    def _top(
        self,
        model: Model,
        cores: Sequence[str],
        vectors: FloatArray,
        k: int,
        tokens: Sequence[Tokens | None],
    ) -> tuple[npt.NDArray[np.int64], FloatArray]:
        """Rank concepts. Below a parent taxonomy, P(child) = P(parent) P(child | parent)."""
        if model.parent is None:
            return model.top(cores, vectors, k, tokens)
        above = self.model_for(model.parent)
        parents = above.scores(cores, vectors, tokens)
        return best(times_parent(self._below(model, cores, vectors), parents, self._below_parent[model.name]), k)

    def _below(self, model: Model, cores: Sequence[str], vectors: FloatArray) -> FloatArray:
        """Return P(child | parent), (n_texts, n_concepts): a softmax over the model's raw scores of the parent's children."""
        raw = raw_scores(model, cores, vectors)
        scores = np.zeros_like(raw)
        for below in self._below_parent[model.name]:
            if below:
                e = np.exp(raw[:, below] - raw[:, below].max(1, keepdims=True))
                scores[:, below] = e / e.sum(1, keepdims=True)
        return scores.astype(np.float32)

    def _assemble(self, credential: Credential, language: str | None) -> TaggedCredential:
        not_checked: list[str] = []
        texts = [o.text for o in credential.outcomes]
        readings = None if language is None else self._read(texts, language)
        title = None if credential.title is None else credential.title.strip()
        tags = None if language is None else self._tags_of(texts, title, language)
        if readings is None:
            stated = credential.language
            are_read = "English" if self.languages == ("en",) else ", ".join(f"`{tag}`" for tag in self.languages)
            is_stated = stated is not None and is_tag(stated)
            why = f"the language is given as `{stated}`" if is_stated else f"the outcomes do not read as {are_read}"
            not_checked.append(f"{UNREAD}{why}, and the models read {are_read} only")
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
        bloom = [[t.label.casefold() for t in found if t.taxonomy == "bloom"] for found in tags] if tags else None
        for check in (
            size.check(credential),
            overload.check(credential, vectors, norms=self.norms, tags=tags or None),
            levels.check(credential, self._pulls(credential, readings)),
            wording.check(credential, vectors, bloom),
        ):
            findings += check[0]
            not_checked += check[1]
        outcomes = tuple(
            TaggedOutcome(o, self._with_derived(o.text, tags[n]) if tags else ())
            for n, o in enumerate(credential.outcomes)
        )
        return TaggedCredential(credential, outcomes, roll_up(outcomes), tuple(findings), tuple(not_checked))

    def _with_derived(self, text: str, tags: tuple[Tag, ...]) -> tuple[Tag, ...]:
        return (*tags, *(tag for d in self.derivations for tag in d.derive(text, tags)))

    def _estimate_level(self, readings: Sequence[_Reading]) -> LevelEstimate | None:
        """Combine the outcomes' level probabilities: a geometric mean, sharpened by the number of outcomes."""
        rows = [r.level for r in readings if r.level is not None]
        if not rows:
            return None
        model = self.model_for(_LEVEL_TAXONOMY)
        p = model.combine(np.stack(rows))
        notations = [c.level or c.notation or c.label for c in model.taxonomy.concepts]
        distribution = {k: round(float(v), 4) for k, v in zip(notations, p, strict=True)}
        top = int(p.argmax())
        confident = float(p[top]) >= float(model.thresholds[top])
        eqf = int(notations[top]) if confident else None
        spoken = () if eqf is None else levels.in_frameworks(eqf)
        return LevelEstimate(eqf, distribution, model.name, spoken)

    def _pulls(self, credential: Credential, readings: Sequence[_Reading] | None) -> levels.Pulls | None:
        """Return what tells how each outcome stands between two levels, and by which words; made only when asked for."""
        rows = [r.level for r in readings or () if r.level is not None]
        if not rows or len(rows) != len(credential.outcomes):
            return None
        model = self.model_for(_LEVEL_TAXONOMY)

        def pulls(up: int, down: int) -> list[tuple[float, tuple[int, int]]]:
            found = []
            for outcome, row in zip(credential.outcomes, rows, strict=True):
                offset, core = _core(outcome.text)
                tokens = self.encoder.encode_tokens([core])[1][0] if isinstance(self.encoder, TokenEncoder) else None
                more, less = (model.head.shares(core, tokens, level - 1) for level in (up, down))
                pieces = [*more, *((start, end, -share) for start, end, share in less)]
                start, end = best_span(core, word_shares(core, pieces))
                pull = float(np.log((row[up - 1] + 1e-6) / (row[down - 1] + 1e-6)))
                found.append((pull, (start + offset, end + offset)))
            return found

        return pulls


def _own_encoder(models: Sequence[str | Path]) -> Path | None:
    """Return the encoder that the first of the model folders with one brings along."""
    return next((p for m in models if ((p := Path(m) / "encoder") / "manifest.json").is_file()), None)


def _core(text: str) -> tuple[int, str]:
    """Return the start and text of the part without learner boilerplate."""
    start, end = strip_boilerplate(text)
    return (start, text[start:end]) if end > start else (0, text)


def roll_up(outcomes: Sequence[TaggedOutcome]) -> tuple[Tag, ...]:
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
