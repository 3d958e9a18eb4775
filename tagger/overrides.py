"""People's decisions stand over the model's: corrections applied to tagged credentials, visibly."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

from tagger.corrections import Correction, same_text, verdicts
from tagger.records import Tag, TaggedCredential, TaggedOutcome

if TYPE_CHECKING:
    from tagger.derived import Derivation
    from tagger.model import Model

__all__ = ["HUMAN", "Overrides", "is_human"]

HUMAN = "review:"
"""How the `model` of a tag begins that a person decided on; the reviewers' names follow, joined by ``+``."""

_LEVEL_TAXONOMY = "eqf"


def is_human(tag: Tag) -> bool:
    """Tell whether a person, not a model, decided on a tag.

    Examples
    --------
    >>> is_human(Tag("sdg", "2017", "http://metadata.un.org/sdg/6", "Water", 1.0, None, (), "review:Ann"))
    True
    """
    return tag.model.startswith(HUMAN)


@dataclass(frozen=True, slots=True)
class _Ruling:
    """What was decided on one concept (or, without a concept, on all) for one text."""

    holds: bool
    by: str
    relation: str | None


class Overrides:
    """Decisions of reviewers, applied to every outcome with the same text (as `same_text` says).

    A tag that a person accepted or added has score 1 and ``review:<names>`` as its model. One that was rejected is taken away
    and kept in `TaggedOutcome.rejected`, score 0, so that the record shows it. Tags below a rejected concept go with it. Where
    reviewers disagree without a majority, the model stands.

    Parameters
    ----------
    corrections : sequence of Correction
    models : sequence of Model
        Those that tag: decisions on other taxonomies are not applied, and counted.
    derivations : sequence of Derivation
        Tags that follow from others are made anew where those were decided on.

    Attributes
    ----------
    counts : Counter of str
        ``confirmed``, ``rejected`` and ``added`` tags, and ``outcomes`` with any of these, so far.
    n_decisions, n_other_taxonomies, n_unknown_concepts, n_undecided : int
        Lines; lines on taxonomies that no model serves; lines on concepts that the taxonomy does not have; texts and concepts on
        which reviewers are divided.

    Examples
    --------
    >>> from tagger.model import Model
    >>> from tagger.records import Credential, LearningOutcome
    >>> line = Correction("Treat wastewater", "sdg", "add", "http://metadata.un.org/sdg/6", reviewer="Ann")
    >>> overrides = Overrides([line], [Model.load("sdg")])
    >>> outcome = LearningOutcome("A/1", "treat wastewater")
    >>> tagged = overrides.apply(TaggedCredential(Credential("A", outcomes=(outcome,)), (TaggedOutcome(outcome),)))
    >>> [(tag.label, tag.model) for tag in tagged.tags]
    [('Clean water and sanitation', 'review:Ann')]
    """

    def __init__(
        self, corrections: Sequence[Correction], models: Sequence[Model], derivations: Sequence[Derivation] = ()
    ) -> None:
        self._derivations = tuple(derivations)
        self.counts: Counter[str] = Counter()
        self.n_decisions = len(corrections)
        self._models = {m.taxonomy.id: m for m in models if m.taxonomy.id != _LEVEL_TAXONOMY}
        self._order = {t: n for n, t in enumerate(self._models)}
        self.n_other_taxonomies = sum(c.taxonomy not in self._models for c in corrections)
        known = [c for c in corrections if c.taxonomy in self._models and self._is_known(c)]
        self.n_unknown_concepts = len(corrections) - self.n_other_taxonomies - len(known)
        self.n_undecided = 0
        self._rulings: dict[str, dict[str, dict[str | None, _Ruling]]] = {}
        for taxonomy in self._models:
            self._judge([c for c in known if c.taxonomy == taxonomy], taxonomy)
        self._met: set[str] = set()

    @property
    def n_texts(self) -> int:
        """Number of texts that were decided on."""
        return len(self._rulings)

    @property
    def n_met(self) -> int:
        """Number of these that occurred so far."""
        return len(self._met)

    def render(self) -> str:
        """Return what was done so far, in lines for the reader."""
        done = self.counts
        lines = [
            f"corrections: {self.n_decisions:,} decisions on {self.n_texts:,} texts, of which {self.n_met:,} are in this catalogue; "
            f"people confirmed {done['confirmed']:,} tags, added {done['added']:,} and rejected {done['rejected']:,}, in "
            f"{done['outcomes']:,} outcomes"
        ]
        for n, what in (
            (self.n_undecided, "on which reviewers are divided: the models decide"),
            (self.n_other_taxonomies, "on a taxonomy that is not tagged here"),
            (self.n_unknown_concepts, "on a concept that the taxonomy of the model does not have"),
        ):
            if n:
                lines.append(f"  not applied: {n:,} {what}")
        return "\n".join(lines)

    def apply(self, tagged: TaggedCredential) -> TaggedCredential:
        """Return the credential with the decisions applied, rolled up anew; itself where there are none."""
        if not self._rulings:
            return tagged
        outcomes = tuple(map(self._outcome, tagged.outcomes))
        if all(new is old for new, old in zip(outcomes, tagged.outcomes, strict=True)):
            return tagged
        from tagger.tagging import roll_up

        return replace(tagged, outcomes=outcomes, tags=roll_up(outcomes))

    def _is_known(self, c: Correction) -> bool:
        if c.concept is None:
            return True
        return self._models[c.taxonomy].taxonomy.get(c.concept) is not None

    def _judge(self, corrections: Sequence[Correction], taxonomy: str) -> None:
        judged = verdicts(corrections, taxonomy)
        self.n_undecided += len(judged.undecided)
        last: dict[tuple[str, str | None], dict[str | None, Correction]] = {}
        for c in corrections:
            last.setdefault((same_text(c.text), c.concept), {})[c.reviewer] = c
        for (text, concept), by_reviewer in last.items():
            if concept is None:
                holds: bool | None = True if text in judged.none else None
            else:
                holds = judged.by_text.get(text, {}).get(concept)
            if holds is None:
                continue
            agreeing = [c for c in by_reviewer.values() if c.holds == holds]
            names = sorted({c.reviewer or "unnamed" for c in agreeing})
            relation = next((c.relation for c in agreeing if c.relation), None)
            self._rulings.setdefault(text, {}).setdefault(taxonomy, {})[concept] = _Ruling(
                holds, HUMAN + "+".join(names), relation
            )

    def _outcome(self, tagged: TaggedOutcome) -> TaggedOutcome:
        text = same_text(tagged.outcome.text)
        by_taxonomy = self._rulings.get(text)
        if by_taxonomy is None:
            return tagged
        self._met.add(text)
        kept: list[Tag] = []
        rejected = list(tagged.rejected)
        n_confirmed = 0
        given = {(t.taxonomy, t.concept) for t in tagged.tags}
        for tag in tagged.tags:
            rulings = by_taxonomy.get(tag.taxonomy, {})
            ruling = rulings.get(tag.concept)
            if ruling is None and None in rulings:
                ruling = replace(rulings[None], holds=False)
            if ruling is None:
                kept.append(tag)
            elif ruling.holds:
                n_confirmed += 1
                kept.append(replace(tag, score=1.0, model=ruling.by, relation=ruling.relation or tag.relation))
            else:
                rejected.append(replace(tag, score=0.0, model=ruling.by))
        added = [
            self._added(taxonomy, concept, ruling)
            for taxonomy, rulings in by_taxonomy.items()
            for concept, ruling in rulings.items()
            if concept is not None and ruling.holds and (taxonomy, concept) not in given
        ]
        kept, fallen = self._without_parent([*kept, *added], rejected)
        kept.sort(key=lambda t: (self._order.get(t.taxonomy, -1), -t.score))
        n_rejected = len(rejected) + len(fallen) - len(tagged.rejected)
        self.counts.update(confirmed=n_confirmed, rejected=n_rejected, added=len(added))
        self.counts["outcomes"] += bool(n_confirmed or n_rejected or added)
        for derivation in self._derivations:
            kept = [t for t in kept if t.taxonomy != derivation.taxonomy.id]
            kept += derivation.derive(tagged.outcome.text, kept)
        return replace(tagged, tags=tuple(kept), rejected=(*rejected, *fallen))

    def _added(self, taxonomy: str, iri: str, ruling: _Ruling) -> Tag:
        model = self._models[taxonomy]
        concept = model.taxonomy.concepts[model.taxonomy.index(iri)]
        return Tag(
            taxonomy,
            model.taxonomy.version,
            concept.id,
            concept.label,
            1.0,
            ruling.relation or model.relation,
            (),
            ruling.by,
            concept.type,
            reuse_level=concept.reuse_level,
        )

    def _without_parent(self, tags: list[Tag], rejected: Sequence[Tag]) -> tuple[list[Tag], list[Tag]]:
        """Part the model's tags whose parent a person rejected from the others."""
        gone = {(t.taxonomy, t.concept): t.model for t in rejected if is_human(t)}
        kept: list[Tag] = []
        fallen: list[Tag] = []
        for tag in tags:
            model = self._models.get(tag.taxonomy)
            if model is None or model.parent is None or is_human(tag):
                kept.append(tag)
                continue
            broader = model.taxonomy.concepts[model.taxonomy.index(tag.concept)].broader
            by = next((gone[model.parent, b] for b in broader if (model.parent, b) in gone), None)
            if by is None or any((t.taxonomy, t.concept) in {(model.parent, b) for b in broader} for t in tags):
                kept.append(tag)
            else:
                fallen.append(replace(tag, score=0.0, model=by))
        return kept, fallen
