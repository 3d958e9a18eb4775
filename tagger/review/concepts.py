"""Concepts by what people write: IRI, code, notation, label, or the line of the drop-down."""

from __future__ import annotations

import difflib
import functools
import re
from collections.abc import Iterable, Sequence
from pathlib import Path

from tagger.catalogue.flat import short_code
from tagger.errors import TaxonomyError
from tagger.taxonomy import Concept, Taxonomy, load_taxonomy

__all__ = ["Concepts"]

_GOAL_WORD = re.compile(r"^(?:sdgs?|un goal|goal|target)\s*[:#]?\s*(?=\d)", re.IGNORECASE)


def _folded(name: str) -> str:
    return " ".join(name.split()).casefold()


class Concepts:
    """The taxonomies under review, and their concepts by name.

    Parameters
    ----------
    folders : iterable of str or Path
        Taxonomies of one's own, by the path of their folder; those that are shipped are found by id.

    Examples
    --------
    >>> concepts = Concepts()
    >>> concepts.resolve("SDG 6", ["sdg"])[1].label
    'Clean water and sanitation'
    """

    def __init__(self, folders: Iterable[str | Path] = ()) -> None:
        self._own = {t.id: t for t in map(load_taxonomy, map(Path, folders))}
        self._names: dict[str, dict[str, list[int]]] = {}

    def taxonomy(self, name: str) -> Taxonomy:
        """Return a taxonomy by id.

        Raises
        ------
        TaxonomyError
            If it is neither shipped nor one of the folders.
        """
        if name in self._own:
            return self._own[name]
        if re.search(r"[/\\]", name):  # a cell of a file is never a path
            raise TaxonomyError(f"taxonomy `{name}`: is not an id", hint="give the folder of your own with --concepts")
        try:
            return load_taxonomy(name)
        except TaxonomyError as error:
            hint = "give the folder of a taxonomy of your own with --concepts"
            raise TaxonomyError(error.message, hint=hint) from error

    def resolve(self, name: str, taxonomies: Sequence[str], *, may_be_shortened: bool = False) -> tuple[str, Concept]:
        """Return the one concept that a name means, and the id of its taxonomy.

        Parameters
        ----------
        name : str
            IRI, code (its last segment), notation, label, or the line of the drop-down; case aside.
        taxonomies : sequence of str
            Where to look.
        may_be_shortened : bool
            The name comes from where a spreadsheet may have made 17.1 of 17.10.

        Raises
        ------
        ValueError
            If no concept has this name, or several: says which come close.
        """
        found: dict[str, tuple[str, Concept]] = {}
        for taxonomy_id in taxonomies:
            taxonomy = self.taxonomy(taxonomy_id)
            for i in self._find(taxonomy, name):
                found[taxonomy.concepts[i].id] = (taxonomy_id, taxonomy.concepts[i])
        if may_be_shortened and re.fullmatch(r"\d+\.\d*[1-9]", name.strip()):
            for taxonomy_id in taxonomies:
                if longer := self._find(self.taxonomy(taxonomy_id), name.strip() + "0"):
                    label = self.taxonomy(taxonomy_id).concepts[longer[0]].label
                    raise ValueError(
                        f"may be {name.strip()}0 ({label}) that the spreadsheet made shorter; write the label or the IRI"
                    )
        if len(found) == 1:
            return next(iter(found.values()))
        where = " or ".join(f"`{t}`" for t in taxonomies)
        if found:
            listed = "; ".join(f"{c.label} <{c.id}>" for _, c in list(found.values())[:4])
            raise ValueError(f"is the name of {len(found)} concepts of {where}: {listed}; write the IRI")
        close = self._close(name, taxonomies)
        raise ValueError(f"is no concept of {where}{f'; is it {close}?' if close else ''}")

    def resolve_all(
        self, cell: str, taxonomies: Sequence[str], *, may_be_shortened: bool = False
    ) -> list[tuple[str, Concept]]:
        """Return the concepts that a cell names: one, or several with line breaks, ``;`` or ``|`` between.

        Raises
        ------
        ValueError
            As `resolve`; the message begins with the name.
        """
        try:
            return [self.resolve(cell, taxonomies, may_be_shortened=may_be_shortened)]
        except ValueError as error:
            parts = [p for p in re.split(r"[;|\n]", cell) if p.strip()]
            if len(parts) < 2:
                raise ValueError(f"`{cell.strip()}` {error}") from error
        found = {}
        for part in parts:
            try:
                taxonomy, concept = self.resolve(part, taxonomies, may_be_shortened=may_be_shortened)
            except ValueError as error:
                raise ValueError(f"`{part.strip()}` {error}") from error
            found[taxonomy, concept.id] = (taxonomy, concept)
        return list(found.values())

    def lines(self, taxonomy: str) -> list[str]:
        """Return the lines of a drop-down, parallel to the concepts; each is the name of one concept alone."""
        return list(self._lines(self.taxonomy(taxonomy)))

    def search(self, taxonomy: str, query: str, limit: int = 20) -> list[Concept]:
        """Return the concepts that a query finds, best first: codes, then labels, then alternative labels."""
        query = _GOAL_WORD.sub("", _folded(query))
        concepts = self.taxonomy(taxonomy).concepts
        if not query:
            return list(concepts[:limit])
        parts = query.split()
        ranked = []
        for i, concept in enumerate(concepts):
            label = concept.label.casefold()
            code = (concept.notation or short_code(concept.id)).casefold()
            if query in (code, concept.id.casefold()):
                rank = 0
            elif label == query:
                rank = 1
            elif label.startswith(query) or code.startswith(query + "."):
                rank = 2
            elif all(p in label for p in parts):
                rank = 3
            elif any(all(p in alt.casefold() for p in parts) for alt in concept.alt_labels):
                rank = 4
            else:
                continue
            ranked.append((rank, len(label) if rank > 1 else 0, i))
        return [concepts[i] for *_, i in sorted(ranked)[:limit]]

    def _find(self, taxonomy: Taxonomy, name: str) -> list[int]:
        key = _folded(name)
        names = self._names.get(taxonomy.id)
        if names is None:
            names = {}
            for i, (concept, line) in enumerate(zip(taxonomy.concepts, self._lines(taxonomy), strict=True)):
                own = {concept.id, concept.label, concept.notation or "", short_code(concept.id), line}
                for form in own | {f"{concept.label} <{concept.id}>", f"<{concept.id}>"}:
                    if folded := _folded(form):
                        names.setdefault(folded, []).append(i)
            self._names[taxonomy.id] = names
        return names.get(key) or names.get(_GOAL_WORD.sub("", key)) or []

    @staticmethod
    def _lines(taxonomy: Taxonomy) -> Iterable[str]:
        return _lines_of(taxonomy)

    def _close(self, name: str, taxonomies: Sequence[str]) -> str:
        labels = [c.label for t in taxonomies for c in self.taxonomy(t).concepts]
        by_folded = {label.casefold(): label for label in labels}
        close = difflib.get_close_matches(_folded(name), list(by_folded), n=2, cutoff=0.7)
        return " or ".join(f"`{by_folded[c]}`" for c in close)


@functools.cache
def _lines_of(taxonomy: Taxonomy) -> tuple[str, ...]:
    taken: dict[str, int] = {}
    for concept in taxonomy.concepts:
        taken[concept.label.casefold()] = taken.get(concept.label.casefold(), 0) + 1
    return tuple(
        f"{c.notation} {c.label}"
        if c.notation
        else c.label
        if taken[c.label.casefold()] == 1
        else f"{c.label} <{c.id}>"
        for c in taxonomy.concepts
    )
