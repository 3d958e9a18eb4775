"""From decisions to corrections: concepts checked, reviewers compared, everything that was left out accounted for."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path

from tagger.catalogue.table import shorten
from tagger.corrections import Correction, same_text
from tagger.errors import TaggerError
from tagger.records import Problem
from tagger.review.agreement import Agreement, agreement
from tagger.review.concepts import Concepts
from tagger.review.decisions import Decided, read_decisions
from tagger.review.items import ReviewItem, item_id

__all__ = ["Conflict", "Imported", "import_files", "to_corrections"]


@dataclass(frozen=True, slots=True)
class Conflict:
    """Reviewers who judge one thing differently: who says what, in the order of the files.

    Attributes
    ----------
    text, taxonomy : str
    label : str or None
        None for an outcome without tags.
    said : tuple of (str, str)
        Reviewer and judgement; a reviewer who said two things stands twice.
    """

    text: str
    taxonomy: str
    label: str | None
    said: tuple[tuple[str, str], ...]

    def render(self) -> str:
        """Return one line.

        Examples
        --------
        >>> Conflict("Treat wastewater", "sdg", "Water", (("Ann", "accept"), ("Ben", "reject"))).render()
        '“Treat wastewater”, sdg Water: Ann says accept, Ben says reject'
        """
        what = f"{self.taxonomy} {self.label}" if self.label else f"no tag in {self.taxonomy}"
        return f"“{shorten(self.text)}”, {what}: {', '.join(f'{who} says {word}' for who, word in self.said)}"


@dataclass(slots=True)
class Imported:
    """What was read, and what came of it: `n_rows` = `n_decided` + `n_open` + `n_refused`.

    Attributes
    ----------
    corrections : list of Correction
        In the order of the files.
    n_rows, n_decided, n_open, n_refused : int
        Rows; those with a decision; those left open; those whose decision could not be used (see `problems`).
    n_served : int
        Distinct texts that were decided on.
    problems : list of Problem
    remarks : list of str
        What was assumed.
    conflicts : list of Conflict
    agreement : Agreement
    by_taxonomy : dict of str to Agreement
    """

    corrections: list[Correction] = field(default_factory=list)
    n_rows: int = 0
    n_decided: int = 0
    n_open: int = 0
    n_refused: int = 0
    n_served: int = 0
    problems: list[Problem] = field(default_factory=list)
    remarks: list[str] = field(default_factory=list)
    conflicts: list[Conflict] = field(default_factory=list)
    agreement: Agreement = field(default_factory=lambda: agreement([]))
    by_taxonomy: dict[str, Agreement] = field(default_factory=dict)


def import_files(
    paths: Sequence[str | Path],
    *,
    items: Iterable[ReviewItem] | None = None,
    concepts: Concepts | None = None,
    reviewer: str | None = None,
) -> Imported:
    """Read review files and make corrections of their decisions.

    A row without a reviewer takes `reviewer`; else the one name that stands in the file; else the file's name.

    Parameters
    ----------
    paths : sequence of str or Path
    items : iterable of ReviewItem or None
        What was exported (`gather` of the tagged file): a row is then found again even if its locked cells were changed, and
        decisions reach every wording that the catalogue has now.
    concepts : Concepts or None
    reviewer : str or None

    Raises
    ------
    TaggerError
        If a file cannot be read.
    """
    found: list[Decided] = []
    remarks: list[str] = []
    for path in paths:
        rows = list(read_decisions(path))
        bare = [r for r in rows if r.decision and not r.reviewer]
        if bare:
            names = sorted({r.reviewer for r in rows if r.decision and r.reviewer})
            name = reviewer or (names[0] if len(names) == 1 else Path(path).stem)
            if reviewer is None:
                why = (
                    "the only reviewer named in it" if len(names) == 1 else "the name of the file, for want of another"
                )
                remarks.append(
                    f"`{path}`: {len(bare):,} decisions without a reviewer count as those of `{name}`, {why}"
                )
            rows = [replace(r, reviewer=r.reviewer or name) for r in rows]
        found += rows
    imported = to_corrections(found, items=items, concepts=concepts)
    imported.remarks[:0] = remarks
    return imported


def to_corrections(
    rows: Iterable[Decided], *, items: Iterable[ReviewItem] | None = None, concepts: Concepts | None = None
) -> Imported:
    """Make corrections of decisions, and compare the reviewers; see `import_files`."""
    concepts = concepts or Concepts()
    known = {i.id: i for i in items or ()}
    imported = Imported()
    judged: dict[str, tuple[Decided, list[tuple[str, str]]]] = {}
    lines: dict[tuple[str, str, str | None, str, str | None], Correction] = {}
    texts: set[str] = set()
    for row in rows:
        imported.n_rows += 1
        if not row.decision and not row.change_to:
            imported.n_open += 1
            if row.comment:
                imported.problems.append(_problem(row, "comment", row.comment, "stands without a decision, and is not imported", "decide on the row, or keep the file"))  # fmt: skip
            continue
        row = _restored(row, known)
        try:
            made, judgement = _corrections(row, concepts)
        except _RefusedError as refused:
            imported.n_refused += 1
            imported.problems.append(_problem(row, refused.column, refused.value, refused.message, refused.hint))
            continue
        imported.n_decided += 1
        imported.problems += row.problems
        for correction in made:
            texts.add(same_text(correction.text))
            # A later line of the same reviewer on the same thing counts, as in `verdicts`; the very same line once.
            key = (same_text(correction.text), correction.taxonomy, correction.concept, correction.decision, correction.reviewer)  # fmt: skip
            lines.pop(key, None)
            lines[key] = correction
        identity = item_id(row.taxonomies, row.concept, row.text) if row.id else ""
        if identity:
            said = judged.setdefault(identity, (row, []))[1]
            name = row.reviewer or "unnamed"
            if (name, judgement) not in said:
                said.append((name, judgement))
    imported.corrections = list(lines.values())
    imported.n_served = len(texts)
    _compare(imported, judged)
    return imported


def _compare(imported: Imported, judged: Mapping[str, tuple[Decided, list[tuple[str, str]]]]) -> None:
    units: dict[str, list[dict[str, str]]] = {}
    for row, said in judged.values():
        if len({word for _, word in said}) > 1:
            imported.conflicts.append(Conflict(row.text, "; ".join(row.taxonomies), row.tag, tuple(said)))
        units.setdefault("; ".join(row.taxonomies), []).append(dict(said))
    imported.agreement = agreement([u for found in units.values() for u in found])
    imported.by_taxonomy = {t: a for t, found in sorted(units.items()) if (a := agreement(found)).n_units}


class _RefusedError(Exception):
    """A decision that cannot be used: which cell, and why."""

    def __init__(self, column: str, value: str | None, message: str, hint: str) -> None:
        super().__init__(message)
        self.column, self.value, self.message, self.hint = column, value, message, hint


def _problem(row: Decided, column: str, value: str | None, message: str, hint: str) -> Problem:
    file, number = row.source.get("file", ""), row.source.get("row")
    return Problem(str(file), number, column, None if value is None else shorten(value), message, hint)


def _restored(row: Decided, known: Mapping[str, ReviewItem]) -> Decided:
    """Return the row with what was exported in its locked cells, where that is known."""
    item = known.get(row.id.partition("-")[0])
    if item is None:
        return row
    is_part = "-" in row.id  # one of several rows, each with some of the wordings
    return replace(
        row, taxonomies=item.taxonomies, concept=item.concept, tag=item.label, text=item.text, also=row.also if is_part else item.also,
        credential=item.credential, outcome=item.outcome, relation=item.relation, model=item.model, version=item.version,
    )  # fmt: skip


def _corrections(row: Decided, concepts: Concepts) -> tuple[list[Correction], str]:
    """Return the lines of a decision, and the judgement in words, by which reviewers are compared."""
    if row.decision not in ("accept", "reject", "change"):
        if not row.decision:
            raise _RefusedError(
                "change to", row.change_to, "stands without a decision", "write change, or empty the cell"
            )
        raise _RefusedError("decision", row.decision, "is no decision", "write accept, reject or change")
    if not row.text:
        raise _RefusedError("outcome", None, "is empty", "write the outcome that is meant, as the catalogue has it")
    if not row.taxonomies:
        raise _RefusedError("taxonomy", None, "is empty", "write the taxonomy's id, such as sdg")
    if row.id and row.id.partition("-")[0] != item_id(row.taxonomies, row.concept, row.text):
        raise _RefusedError(
            "id", row.id, "does not belong to outcome, taxonomy and concept of this row: one of them was changed",
            "give the tagged file with --tagged, which knows what stood there",
        )  # fmt: skip
    if row.decision != "change" and row.change_to:
        raise _RefusedError(
            "change to", row.change_to, f"is given, but the decision is {row.decision}",
            "write change, or empty the cell; to keep a tag and add others, change to all of them",
        )  # fmt: skip
    try:
        if not row.id:
            return _added_row(row, concepts)
        if row.concept is None:
            return _untagged(row, concepts)
        return _tagged(row, concepts)
    except TaggerError as error:
        raise _RefusedError("taxonomy", "; ".join(row.taxonomies), error.message, error.hint or "") from error


def _named(row: Decided, concepts: Concepts) -> list[tuple[str, str, str]]:
    """Return taxonomy, IRI and label of what to change to."""
    if not row.change_to:
        raise _RefusedError("change to", None, "is empty", "name the concept that is right, or write reject")
    try:
        found = concepts.resolve_all(row.change_to, row.taxonomies, may_be_shortened=row.may_be_shortened)
    except ValueError as error:
        raise _RefusedError("change to", None, str(error), "write code, label or IRI of the concept") from error
    return [(taxonomy, concept.id, concept.label) for taxonomy, concept in found]


def _tagged(row: Decided, concepts: Concepts) -> tuple[list[Correction], str]:
    [taxonomy] = row.taxonomies
    if row.decision != "change":
        return _lines(row, taxonomy, row.decision, row.concept), row.decision
    wanted = _named(row, concepts)
    others = [w for w in wanted if w[1] != row.concept]
    if not others:
        raise _RefusedError("change to", row.change_to, "is the tag itself", "write accept")
    keeps = len(others) < len(wanted)
    made = _lines(row, taxonomy, "accept" if keeps else "reject", row.concept)
    for other, iri, _ in others:
        made += _lines(row, other, "add", iri)
    labels = ", ".join(sorted(label for *_, label in others))
    return made, f"accept, and add {labels}" if keeps else f"change to {labels}"


def _untagged(row: Decided, concepts: Concepts) -> tuple[list[Correction], str]:
    if row.decision == "reject":
        raise _RefusedError("decision", row.decision, "says that the outcome needs a tag, but not which", "write change, and name the concept")  # fmt: skip
    if row.decision == "accept":
        return [line for t in row.taxonomies for line in _lines(row, t, "accept", None)], "accept"
    wanted = _named(row, concepts)
    made = [line for taxonomy, iri, _ in wanted for line in _lines(row, taxonomy, "add", iri)]
    return made, f"change to {', '.join(sorted(label for *_, label in wanted))}"


def _added_row(row: Decided, concepts: Concepts) -> tuple[list[Correction], str]:
    """Return what a row says that a reviewer added: an outcome, a taxonomy and a concept."""
    if row.decision == "change":
        wanted = _named(row, concepts)
        return [line for taxonomy, iri, _ in wanted for line in _lines(row, taxonomy, "add", iri)], ""
    name = row.concept or row.tag
    if name is None:
        raise _RefusedError(
            "id", None, "is empty, and no concept is named",
            "in a row that you add, write change and the concept under `change to`; else copy the id from the exported row",
        )  # fmt: skip
    try:
        taxonomy, concept = concepts.resolve(name, row.taxonomies)
    except ValueError as error:
        raise _RefusedError("concept", name, str(error), "write code, label or IRI of the concept") from error
    return _lines(row, taxonomy, row.decision, concept.id), ""


def _lines(row: Decided, taxonomy: str, decision: str, concept: str | None) -> list[Correction]:
    """Return one line for each wording that the decision serves."""
    is_new = decision == "add"
    lines = []
    for n, text in enumerate((row.text, *row.also)):
        lines.append(
            Correction(
                text=text,
                taxonomy=taxonomy,
                decision=decision,
                concept=concept,
                outcome=row.outcome if n == 0 else None,
                credential=row.credential if n == 0 else None,
                relation=None if is_new and row.concept is None else row.relation,
                reviewer=row.reviewer,
                comment=row.comment,
                when=row.when,
                source=row.source if n == 0 else {**row.source, "same_as": row.text},
                model=None if is_new else row.model,
                version=row.version if taxonomy in row.taxonomies else None,
            )
        )
    return lines
