"""Taxonomies that no model reads: their tags follow from another taxonomy's, by a table in the taxonomy's own folder.

``[derived]`` of ``taxonomy.toml`` names the taxonomy that it follows `from`; ``[derived.levels]`` gives, for each level of
that, the level that it suggests; ``[derived.verbs]``, for each level, the verbs that suggest it whatever the table says;
``[derived.extended]`` a `level` for acts of the level `above` it whose outcome has one of `words`.
"""

from __future__ import annotations

import re
import tomllib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cache
from pathlib import Path

from tagger.errors import TaxonomyError
from tagger.records import Evidence, Tag
from tagger.taxonomy import Concept, Taxonomy
from tagger.text import action_verbs, lemma, verb_levels

__all__ = ["RELATION", "Derivation", "derivation_of"]

RELATION = "derived"
"""`Tag.relation` of such a tag."""


@dataclass(frozen=True, slots=True)
class Derivation:
    """How the tags of one taxonomy follow from those of another.

    Attributes
    ----------
    taxonomy : Taxonomy
    source : str
        Id of the taxonomy that the tags follow from.
    levels : Mapping of str to Concept
        Label of a concept of the source, in lower case, to the concept that it suggests.
    verbs : Mapping of str to Concept
        Verb, in its base form, to the concept that it suggests.
    extended : (re.Pattern, Concept, Concept) or None
        Words that make the second concept of the first.
    """

    taxonomy: Taxonomy
    source: str
    levels: Mapping[str, Concept]
    verbs: Mapping[str, Concept]
    extended: tuple[re.Pattern[str], Concept, Concept] | None = None

    def derive(self, text: str, tags: Sequence[Tag], language: str = "en") -> tuple[Tag, ...]:
        """Return the tags of this taxonomy that follow from an outcome's `tags`, best first, none twice.

        Examples
        --------
        >>> from tagger.taxonomy import load_taxonomy
        >>> solo = derivation_of(load_taxonomy("solo"))
        >>> why = (Evidence(0, 7, "Explain"),)
        >>> tag = Tag("bloom", "2001", "urn:x", "Understand", 0.9, None, why, "bloom@1")
        >>> [(t.label, t.relation, t.score) for t in solo.derive("Explain causes of floods", [tag])]
        [('Relational', 'derived', 0.9)]
        """
        read = [t for t in tags if t.taxonomy == self.source and t.label.casefold() in self.levels]
        if not read:
            return ()
        acts = [(act, lemma(act.text, language)) for act in action_verbs(text, language)]
        found: dict[str, Tag] = {}
        for tag in sorted(read, key=lambda t: -t.score):
            level = tag.label.casefold()
            act = next((a for a, base in acts if base in self.verbs and level in verb_levels(base, language)), None)
            if act is None:
                concept, evidence = self.levels[level], tag.evidence
            else:
                concept = self.verbs[lemma(act.text, language)]
                evidence = (Evidence(act.start, act.end, act.text),)
            if self.extended is not None and concept is self.extended[1] and (words := self.extended[0].search(text)):
                concept = self.extended[2]
                evidence = (*evidence, Evidence(words.start(), words.end(), words[0]))
            made = Tag(
                self.taxonomy.id,
                self.taxonomy.version,
                concept.id,
                concept.label,
                tag.score,
                RELATION,
                evidence,
                tag.model,
                concept.type,
            )
            found.setdefault(concept.id, made)
        return tuple(found.values())


@cache
def derivation_of(taxonomy: Taxonomy) -> Derivation | None:
    """Return how a taxonomy's tags follow from another's; None for a taxonomy that says nothing of it.

    Raises
    ------
    TaxonomyError
        If the table names a level that the taxonomy does not have.
    """
    if taxonomy.path is None:
        return None
    file = Path(taxonomy.path) / "taxonomy.toml"
    table = tomllib.loads(file.read_text("utf-8")).get("derived") if file.is_file() else None
    if table is None:
        return None

    def named(name: str) -> Concept:
        for concept in taxonomy.concepts:
            if name in (concept.level, concept.id.rsplit(":", 1)[-1]) or name == concept.label:
                return concept
        raise TaxonomyError(f"`{file.parent.name}/taxonomy.toml`, `[derived]`: `{name}` is none of its concepts")

    extended = table.get("extended")
    return Derivation(
        taxonomy,
        table["from"],
        {level: named(name) for level, name in table.get("levels", {}).items()},
        {verb: named(name) for name, verbs in table.get("verbs", {}).items() for verb in verbs.split()},
        None
        if extended is None
        else (
            re.compile(rf"\b(?:{'|'.join(map(re.escape, extended['words']))})s?\b", re.IGNORECASE),
            named(extended["above"]),
            named(extended["level"]),
        ),
    )
