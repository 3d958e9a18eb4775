"""The records that travel through the program. All are immutable; unknown is None, never 0 and never an empty string."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

__all__ = [
    "Credential",
    "Evidence",
    "Finding",
    "FrameworkLevel",
    "LearningOutcome",
    "Level",
    "LevelEstimate",
    "Part",
    "Passage",
    "Problem",
    "Size",
    "Source",
    "Tag",
    "TaggedCredential",
    "TaggedOutcome",
]


UNREAD = "tags: "
"""How an entry of `TaggedCredential.not_checked` begins when no tag could be given at all."""


@dataclass(frozen=True, slots=True)
class Source:
    """Where an outcome stands in the user's own file.

    Attributes
    ----------
    field : str
        Name of the column (or key) in the file.
    start, end : int
        Character offsets into that cell as it was read, so that ``cell[start:end]`` is the outcome's text up to white
        space and mark-up. For a list-valued cell the offsets count within the item.
    item : int or None
        Index of the item in a list-valued cell; None for a cell that is one text.
    """

    field: str
    start: int
    end: int
    item: int | None = None


@dataclass(frozen=True, slots=True)
class LearningOutcome:
    """One sentence-sized learning outcome.

    Attributes
    ----------
    id : str
        ``<credential id>/<n>``, counting from 1.
    text : str
        The outcome, mark-up removed and white space folded; never empty.
    source : Source or None
        None for an outcome that was made in code rather than read from a file.
    is_stated : bool
        True for an outcome that the catalogue states as one; False for a sentence taken from the description because the
        catalogue gives no outcomes. Only stated outcomes are counted by the overload checks.
    """

    id: str
    text: str
    source: Source | None = None
    is_stated: bool = True


@dataclass(frozen=True, slots=True)
class Size:
    """How large a credential is.

    Attributes
    ----------
    credits : float or None
        In the unit of `system`.
    system : str or None
        Credit system as an id: ``ECTS``, ``CATS`` (UK), ``SCQF``, ``NZQCF``, ``SAQA``, ``MQF``, ``KNQF`` …
    notional_hours : tuple of float or None
        Lowest and highest notional learning hours (equal when the hours are stated). Derived from credits only through a
        framework's own hours per credit.
    """

    credits: float | None = None
    system: str | None = None
    notional_hours: tuple[float, float] | None = None


@dataclass(frozen=True, slots=True)
class FrameworkLevel:
    """An EQF level in the language of another framework.

    Attributes
    ----------
    framework : str
        Framework id, as in `Level`.
    levels : tuple of str
        Its levels that are referenced to the EQF level, lowest first: SCQF 9 and 10 for EQF 6.
    confidence : str
        How sure the crosswalk is: ``high``, ``medium`` or ``low``.
    """

    framework: str
    levels: tuple[str, ...]
    confidence: str


@dataclass(frozen=True, slots=True)
class LevelEstimate:
    """Estimated EQF level of a credential.

    Attributes
    ----------
    eqf : int or None
        Most probable level, 1 to 8; None when the estimate abstains.
    distribution : Mapping of str to float
        Probability of each EQF level, summing to 1.
    model : str
        ``id@version`` of the model that made it.
    frameworks : tuple of FrameworkLevel
        The same level in other frameworks, through their crosswalks; empty when the estimate abstains.
    """

    eqf: int | None
    distribution: Mapping[str, float]
    model: str
    frameworks: tuple[FrameworkLevel, ...] = ()


@dataclass(frozen=True, slots=True)
class Level:
    """Level of a credential: as stated, and as estimated.

    Attributes
    ----------
    framework : str or None
        Framework id: ``EQF``, ``FHEQ``, ``SCQF``, ``NFQ``, ``NZQCF``, ``AQF``, ``SANQF``, ``ACQF``, ``MQF``, ``KNQF``.
    stated : str or None
        The level as the catalogue writes it.
    estimated : LevelEstimate or None
    """

    framework: str | None = None
    stated: str | None = None
    estimated: LevelEstimate | None = None


@dataclass(frozen=True, slots=True)
class Problem:
    """Something in the user's file that could not be read as it stands. The row is kept all the same.

    Attributes
    ----------
    file : str
        File name as given by the user (``-`` for standard input).
    row : int or None
        Row number as a spreadsheet shows it (the header is row 1); line number for JSONL; None for the whole file.
    column : str or None
    value : str or None
        The offending value, shortened to 80 characters.
    message : str
        What is wrong, such as "is not a number".
    hint : str or None
    """

    file: str
    row: int | None
    column: str | None
    value: str | None
    message: str
    hint: str | None = None

    def render(self) -> str:
        """Return one line: file, row, column, value, message.

        Examples
        --------
        >>> Problem("courses.csv", 214, "credits", "ten", "is not a number").render()
        '`courses.csv`, row 214, column `credits`: `ten` is not a number'
        """
        where = f"`{self.file}`"
        if self.row is not None:
            where += f", row {self.row}"
        if self.column is not None:
            where += f", column `{self.column}`"
        what = f"`{self.value}` {self.message}" if self.value is not None else self.message
        return f"{where}: {what}"


@dataclass(frozen=True, slots=True)
class Credential:
    """A micro-credential (course, module, unit) as read from a catalogue.

    Attributes
    ----------
    id : str
        Unique in its catalogue. A duplicate gets ``#2``, ``#3`` … and a problem; a missing one becomes ``row-<n>``.
    title : str or None
    outcomes : tuple of LearningOutcome
    provider, faculty, language, jurisdiction : str or None
        As written in the file. `language` is a BCP 47 tag where known.
    size : Size
    level : Level
    row : int or None
        Row in the file, counted as in `Problem.row`.
    problems : tuple of Problem
        What could not be read of this row.
    extra : Mapping of str to str
        The remaining columns of the row as text, in file order, so that users get their own file back.
    """

    id: str
    title: str | None = None
    outcomes: tuple[LearningOutcome, ...] = ()
    provider: str | None = None
    faculty: str | None = None
    language: str | None = None
    jurisdiction: str | None = None
    size: Size = Size()
    level: Level = Level()
    row: int | None = None
    problems: tuple[Problem, ...] = ()
    extra: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Evidence:
    """The words of an outcome that carry a tag: ``outcome.text[start:end] == text``."""

    start: int
    end: int
    text: str


@dataclass(frozen=True, slots=True)
class Tag:
    """A concept that an outcome (or credential) speaks to.

    Attributes
    ----------
    taxonomy, version : str
        Taxonomy id and version.
    concept : str
        Official IRI of the concept.
    label : str
    score : float
        Calibrated probability that the tag is right, 0 to 1; 1 where people decided that it is.
    relation : str or None
        ``contributes`` or ``mentions`` for SDGs; ``derived`` where the tag was not read from the text but follows from a tag of
        another taxonomy; None where a taxonomy knows no such distinction.
    evidence : tuple of Evidence
        Empty in a rolled-up tag: there the outcomes carry it.
    model : str
        ``id@version``; ``review:<names>`` where people decided on it, whose word counts more than a model's.
    type : str or None
        Kind of concept where the taxonomy has kinds (ESCO: ``skill`` or ``knowledge``).
    outcomes : tuple of str
        In a rolled-up tag, the ids of the outcomes that carry it, strongest first; empty in an outcome's own tag.
    reuse_level : str or None
        How widely a skill is used, where the taxonomy says so (ESCO: ``transversal``, ``cross-sector``, ``sector-specific``,
        ``occupation-specific``); None where it is not known.
    alone : float or None
        Score by the outcome's own words, where the credential's title and other outcomes were weighed too; None where they were not.
    """

    taxonomy: str
    version: str
    concept: str
    label: str
    score: float
    relation: str | None
    evidence: tuple[Evidence, ...]
    model: str
    type: str | None = None
    outcomes: tuple[str, ...] = ()
    reuse_level: str | None = None
    alone: float | None = None


@dataclass(frozen=True, slots=True)
class Passage:
    """Words of an outcome that caused a finding: ``text == outcome.text[start:end]`` of the outcome with that id."""

    outcome: str
    start: int
    end: int
    text: str


@dataclass(frozen=True, slots=True)
class Part:
    """Outcomes of a credential that would stand alone: one part of a proposed split.

    Attributes
    ----------
    outcomes : tuple of str
        Their ids.
    terms : tuple of str
        Words that mark them off from the other parts.
    skills : tuple of str
        Labels of the skills that they are tagged with.
    notional_hours : tuple of float or None
        The credential's, in proportion to the number of outcomes.
    credits : float or None
        Likewise, in the credential's own system.
    """

    outcomes: tuple[str, ...]
    terms: tuple[str, ...] = ()
    skills: tuple[str, ...] = ()
    notional_hours: tuple[float, float] | None = None
    credits: float | None = None


@dataclass(frozen=True, slots=True)
class Finding:
    """One judgement on a credential, with everything that is needed to defend or dispute it.

    Attributes
    ----------
    rule : str
        ``size-*``, ``density``, ``breadth``, ``overloaded``, ``level-mismatch``, ``wording-*``.
    severity : str
        ``info``, ``amber`` or ``red``.
    measured, limit : float, str or None
        The value found and the value it was held against, both in `unit`.
    unit : str or None
    norm : str or None
        What the value was held against, such as "NZQCF micro-credential rules 2022" or "this catalogue, 412 courses".
    outcomes : tuple of str
        Ids of the outcomes that caused it; empty when the whole credential did.
    message, advice : str
        What was found, and what to do.
    evidence : tuple of Passage
        The words that caused it, in the order of the outcomes; empty where it is not about words.
    parts : tuple of Part
        Outcomes by topic, and so a proposed split; empty where none is proposed.
    """

    rule: str
    severity: str
    measured: float | str | None
    limit: float | str | None
    unit: str | None
    norm: str | None
    outcomes: tuple[str, ...]
    message: str
    advice: str
    evidence: tuple[Passage, ...] = ()
    parts: tuple[Part, ...] = ()


@dataclass(frozen=True, slots=True)
class TaggedOutcome:
    """An outcome with its tags, best first within each taxonomy. No tags is an answer: nothing reached its threshold.

    Attributes
    ----------
    outcome : LearningOutcome
    tags : tuple of Tag
    rejected : tuple of Tag
        Tags that a model gave and a person took away: score 0, and as their `model` ``review:<names>``.
    """

    outcome: LearningOutcome
    tags: tuple[Tag, ...] = ()
    rejected: tuple[Tag, ...] = ()


@dataclass(frozen=True, slots=True)
class TaggedCredential:
    """A credential with tags and findings: one line of the JSONL record.

    Attributes
    ----------
    credential : Credential
        With notional hours and level estimate filled in.
    outcomes : tuple of TaggedOutcome
        Parallel to ``credential.outcomes``.
    tags : tuple of Tag
        The outcomes' tags rolled up.
    findings : tuple of Finding
    not_checked : tuple of str
        What could not be judged and why, such as "size: no credits given".
    """

    credential: Credential
    outcomes: tuple[TaggedOutcome, ...] = ()
    tags: tuple[Tag, ...] = ()
    findings: tuple[Finding, ...] = ()
    not_checked: tuple[str, ...] = ()

    @property
    def is_read(self) -> bool:
        """False when the models read nothing of it, because of its language; `not_checked` then says so."""
        return not any(reason.startswith(UNREAD) for reason in self.not_checked)

    def to_dict(self) -> dict[str, Any]:
        """Return the record of DESIGN.md, ready for ``json.dumps``; keys always present and always in the same order."""
        c = self.credential
        estimate = c.level.estimated
        return {
            "id": c.id,
            "title": c.title,
            "provider": c.provider,
            "faculty": c.faculty,
            "jurisdiction": c.jurisdiction,
            "language": c.language,
            "size": {
                "credits": c.size.credits,
                "system": c.size.system,
                "notional_hours": None if c.size.notional_hours is None else list(c.size.notional_hours),
            },
            "level": {
                "framework": c.level.framework,
                "stated": c.level.stated,
                "estimated": None
                if estimate is None
                else {
                    "eqf": estimate.eqf,
                    "distribution": dict(estimate.distribution),
                    "model": estimate.model,
                    "frameworks": [
                        {"framework": f.framework, "levels": list(f.levels), "confidence": f.confidence}
                        for f in estimate.frameworks
                    ],
                },
            },
            "outcomes": [
                {
                    "id": o.outcome.id,
                    "text": o.outcome.text,
                    "source": None if o.outcome.source is None else _source_dict(o.outcome.source),
                    "stated": o.outcome.is_stated,
                    "tags": [_tag_dict(t) for t in o.tags],
                    **({"rejected": [_tag_dict(t) for t in o.rejected]} if o.rejected else {}),
                }
                for o in self.outcomes
            ],
            "tags": [_tag_dict(t) for t in self.tags],
            "findings": [
                {
                    "rule": f.rule,
                    "severity": f.severity,
                    "measured": f.measured,
                    "limit": f.limit,
                    "unit": f.unit,
                    "norm": f.norm,
                    "outcomes": list(f.outcomes),
                    "message": f.message,
                    "advice": f.advice,
                    "evidence": [
                        {"outcome": e.outcome, "start": e.start, "end": e.end, "text": e.text} for e in f.evidence
                    ],
                    **({"parts": [_part_dict(p) for p in f.parts]} if f.parts else {}),
                }
                for f in self.findings
            ],
            "not_checked": list(self.not_checked),
            "row": c.row,
            "problems": [
                {
                    "file": p.file,
                    "row": p.row,
                    "column": p.column,
                    "value": p.value,
                    "message": p.message,
                    "hint": p.hint,
                }
                for p in c.problems
            ],
            "extra": dict(c.extra),
        }

    @classmethod
    def from_dict(cls, record: Mapping[str, Any]) -> TaggedCredential:
        """Rebuild from what `to_dict` gave; keys that the record form marks optional may be absent."""
        outcomes = tuple(
            TaggedOutcome(
                LearningOutcome(
                    o["id"],
                    o["text"],
                    None if o.get("source") is None else Source(**o["source"]),
                    o.get("stated", True),
                ),
                tuple(_tag(t) for t in o.get("tags", ())),
                tuple(_tag(t) for t in o.get("rejected") or ()),
            )
            for o in record.get("outcomes", ())
        )
        size, level = record.get("size") or {}, record.get("level") or {}
        hours, estimate = size.get("notional_hours"), level.get("estimated")
        credential = Credential(
            id=record["id"],
            title=record.get("title"),
            outcomes=tuple(o.outcome for o in outcomes),
            provider=record.get("provider"),
            faculty=record.get("faculty"),
            language=record.get("language"),
            jurisdiction=record.get("jurisdiction"),
            size=Size(size.get("credits"), size.get("system"), None if hours is None else (hours[0], hours[1])),
            level=Level(
                level.get("framework"),
                level.get("stated"),
                None
                if estimate is None
                else LevelEstimate(
                    estimate["eqf"],
                    dict(estimate["distribution"]),
                    estimate.get("model", ""),
                    tuple(
                        FrameworkLevel(f["framework"], tuple(f["levels"]), f["confidence"])
                        for f in estimate.get("frameworks", ())
                    ),
                ),
            ),
            row=record.get("row"),
            problems=tuple(Problem(**p) for p in record.get("problems", ())),
            extra=dict(record.get("extra", {})),
        )
        return cls(
            credential,
            outcomes,
            tuple(_tag(t) for t in record.get("tags", ())),
            tuple(map(_finding, record.get("findings", ()))),
            tuple(record.get("not_checked", ())),
        )


def _source_dict(source: Source) -> dict[str, Any]:
    plain: dict[str, Any] = {"field": source.field, "start": source.start, "end": source.end}
    if source.item is not None:
        plain["item"] = source.item
    return plain


def _tag_dict(tag: Tag) -> dict[str, Any]:
    plain: dict[str, Any] = {
        "taxonomy": tag.taxonomy,
        "version": tag.version,
        "concept": tag.concept,
        "label": tag.label,
        "type": tag.type,
        "reuse_level": tag.reuse_level,
        "score": tag.score,
        "relation": tag.relation,
        "evidence": [{"start": e.start, "end": e.end, "text": e.text} for e in tag.evidence],
        "model": tag.model,
    }
    if tag.alone is not None:
        plain["alone"] = tag.alone
    if tag.outcomes:
        plain["outcomes"] = list(tag.outcomes)
    return plain


def _finding(plain: Mapping[str, Any]) -> Finding:
    evidence = tuple(Passage(**e) for e in plain.get("evidence", ()))
    parts = tuple(map(_part, plain.get("parts", ())))
    return Finding(**{**plain, "outcomes": tuple(plain["outcomes"]), "evidence": evidence, "parts": parts})


def _part_dict(part: Part) -> dict[str, Any]:
    return {
        "outcomes": list(part.outcomes),
        "terms": list(part.terms),
        "skills": list(part.skills),
        "notional_hours": None if part.notional_hours is None else list(part.notional_hours),
        "credits": part.credits,
    }


def _part(plain: Mapping[str, Any]) -> Part:
    hours = plain.get("notional_hours")
    return Part(
        tuple(plain["outcomes"]),
        tuple(plain.get("terms", ())),
        tuple(plain.get("skills", ())),
        None if hours is None else (hours[0], hours[1]),
        plain.get("credits"),
    )


def _tag(plain: Mapping[str, Any]) -> Tag:
    return Tag(
        plain["taxonomy"],
        plain["version"],
        plain["concept"],
        plain["label"],
        plain["score"],
        plain.get("relation"),
        tuple(Evidence(**e) for e in plain.get("evidence", ())),
        plain["model"],
        plain.get("type"),
        tuple(plain.get("outcomes", ())),
        plain.get("reuse_level"),
        plain.get("alone"),
    )
