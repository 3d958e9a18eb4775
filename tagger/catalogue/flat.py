"""Flat views of a tagged credential: one wide row, one long row per tag, and cells that a spreadsheet will not execute.

The record itself is nested (`TaggedCredential.to_dict`). Spreadsheets want rows: the *wide* sheet has one row per
credential with the user's own columns first, the *long* sheet has one row per tag and one per outcome without tags.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator
from typing import Final

from tagger.records import Finding, Problem, Tag, TaggedCredential

__all__ = [
    "FINDING_COLUMNS",
    "LONG_COLUMNS",
    "OUR_COLUMNS",
    "OWN_COLUMNS",
    "PROBLEM_COLUMNS",
    "Cell",
    "extra_columns",
    "finding_rows",
    "is_skill",
    "long_rows",
    "own_cells",
    "problem_row",
    "safe_cell",
    "short_code",
    "tagger_cells",
]

Cell = str | int | float | None

OWN_COLUMNS: Final = ("id", "title", "provider", "faculty", "language", "jurisdiction", "outcomes")
OUR_COLUMNS: Final = (
    "row",
    "credits",
    "credit_system",
    "notional_hours_min",
    "notional_hours_max",
    "framework",
    "level",
    "estimated_eqf",
    "estimated_eqf_probability",
    "sdg_goals",
    "sdg_targets",
    "top_skills",
    "bloom_levels",
    "n_outcomes",
    "n_sdg_outcomes",
    "n_skill_outcomes",
    "n_untagged_outcomes",
    "n_findings_red",
    "n_findings_amber",
    "n_findings_info",
    "findings",
    "not_checked",
    "problems",
)
LONG_COLUMNS: Final = (
    "credential_id",
    "credential_title",
    "outcome_id",
    "outcome",
    "is_stated",
    "taxonomy",
    "version",
    "concept",
    "code",
    "label",
    "type",
    "reuse_level",
    "score",
    "relation",
    "evidence",
    "model",
)
FINDING_COLUMNS: Final = (
    "credential_id",
    "credential_title",
    "severity",
    "rule",
    "measured",
    "limit",
    "unit",
    "norm",
    "message",
    "advice",
    "outcomes",
)
PROBLEM_COLUMNS: Final = ("credential_id", "file", "row", "column", "value", "message", "hint")

_NOT_SKILLS: Final = frozenset({"sdg", "sdg-targets", "bloom", "eqf"})
_N_TOP_SKILLS: Final = 5


def is_skill(tag: Tag) -> bool:
    """Tell whether a tag names a skill or knowledge concept: any taxonomy but SDGs, Bloom and level.

    Examples
    --------
    >>> is_skill(Tag("esco", "1.2.0", "http://data.europa.eu/esco/skill/1", "weld", 0.9, None, (), "esco@1"))
    True
    """
    return tag.taxonomy not in _NOT_SKILLS and tag.relation != "derived"


def is_sdg(tag: Tag) -> bool:
    """Tell whether a tag says that the outcome contributes to a goal; a mere mention does not count."""
    return tag.taxonomy == "sdg" and tag.relation != "mentions"


def short_code(iri: str) -> str:
    """Return the last segment of a concept's IRI: its short code.

    Examples
    --------
    >>> short_code("http://metadata.un.org/sdg/6.4")
    '6.4'
    """
    return re.split(r"[/#]", iri.rstrip("/#"))[-1]


def own_cells(tagged: TaggedCredential) -> list[Cell]:
    """Return the user's own standard fields, parallel to `OWN_COLUMNS`; outcomes one per line."""
    c = tagged.credential
    outcomes = "\n".join(o.outcome.text for o in tagged.outcomes)
    return [c.id, c.title, c.provider, c.faculty, c.language, c.jurisdiction, outcomes or None]


def tagger_cells(tagged: TaggedCredential) -> list[Cell]:
    """Return what the tagger knows of a credential, parallel to `OUR_COLUMNS`; unknown is None."""
    size, level = tagged.credential.size, tagged.credential.level
    estimate = level.estimated
    probability = None
    if estimate is not None and estimate.eqf is not None:
        probability = estimate.distribution.get(str(estimate.eqf))
    hours = size.notional_hours or (None, None)
    by_taxonomy: dict[str, list[Tag]] = {}
    for tag in tagged.tags:
        if tag.relation != "mentions":
            by_taxonomy.setdefault(tag.taxonomy, []).append(tag)
    skills = sorted((t for t in tagged.tags if is_skill(t)), key=lambda t: -t.score)[:_N_TOP_SKILLS]
    severities = [f.severity for f in tagged.findings]
    return [
        tagged.credential.row,
        size.credits,
        size.system,
        hours[0],
        hours[1],
        level.framework,
        level.stated,
        None if estimate is None else estimate.eqf,
        None if probability is None else round(probability, 4),
        _join(sorted({short_code(t.concept) for t in by_taxonomy.get("sdg", ())}, key=_natural)),
        _join(sorted({short_code(t.concept) for t in by_taxonomy.get("sdg-targets", ())}, key=_natural)),
        _join(t.label for t in skills),
        _join(dict.fromkeys(t.label for t in by_taxonomy.get("bloom", ()))),
        len(tagged.outcomes),
        sum(any(is_sdg(t) for t in o.tags) for o in tagged.outcomes),
        sum(any(is_skill(t) for t in o.tags) for o in tagged.outcomes),
        sum(not o.tags for o in tagged.outcomes),
        severities.count("red"),
        severities.count("amber"),
        severities.count("info"),
        _join((f"[{f.severity}] {f.rule}: {f.message}" for f in tagged.findings), "\n"),
        _join(tagged.not_checked),
        _join((p.render() for p in tagged.credential.problems), "\n"),
    ]


def long_rows(tagged: TaggedCredential) -> Iterator[list[Cell]]:
    """Yield one row per tag, and one for each outcome without tags, parallel to `LONG_COLUMNS`."""
    c = tagged.credential
    for o in tagged.outcomes:
        head: list[Cell] = [c.id, c.title, o.outcome.id, o.outcome.text, "yes" if o.outcome.is_stated else "no"]
        if not o.tags:
            yield head + [None] * (len(LONG_COLUMNS) - len(head))
        for t in o.tags:
            evidence = _join((e.text for e in t.evidence), " … ")
            yield [
                *head,
                *(t.taxonomy, t.version, t.concept, short_code(t.concept), t.label, t.type, t.reuse_level),
                *(round(t.score, 4), t.relation, evidence, t.model),
            ]


def finding_rows(tagged: TaggedCredential) -> Iterator[list[Cell]]:
    """Yield one row per finding, parallel to `FINDING_COLUMNS`."""
    c = tagged.credential
    for f in tagged.findings:
        yield [c.id, c.title, *_finding_cells(f)]


def _finding_cells(f: Finding) -> list[Cell]:
    return [f.severity, f.rule, f.measured, f.limit, f.unit, f.norm, f.message, f.advice, _join(f.outcomes)]


def problem_row(credential_id: str, p: Problem) -> list[Cell]:
    """Return one row for a problem, parallel to `PROBLEM_COLUMNS`."""
    return [credential_id, p.file, p.row, p.column, p.value, p.message, p.hint]


def extra_columns(names: Iterable[str]) -> dict[str, str]:
    """Map each of the user's further columns to its heading; one that equals a heading of ours gets `` (file)``.

    Examples
    --------
    >>> extra_columns(["Campus", "Findings"])
    {'Campus': 'Campus', 'Findings': 'Findings (file)'}
    """
    taken = {name.casefold() for name in (*OWN_COLUMNS, *OUR_COLUMNS)}
    headings: dict[str, str] = {}
    for name in names:
        heading = name
        while heading.casefold() in taken:
            heading += " (file)"
        taken.add(heading.casefold())
        headings[name] = heading
    return headings


# Source of the rule: OWASP, "CSV Injection": = + - @, tab, carriage return (and line feed), also in their full-width
# forms; spreadsheets skip leading white space and quotes, so these are looked through.
_LEADING: Final = re.compile(r"""[\s"'`\u200b-\u200f\u2060\ufeff\u2018\u2019\u201c\u201d]*""")
_STARTS_FORMULA: Final = tuple("=+-@\uff1d\uff0b\uff0d\uff20")
_NUMBER: Final = re.compile(r"[+-]?\d+(?:[.,]\d+)*(?:[eE][+-]?\d+)?%?")


def safe_cell(text: str) -> str:
    """Return `text` so that no spreadsheet takes it for a formula: an apostrophe is put before a suspect cell.

    Plain signed numbers stay as they are.

    Examples
    --------
    >>> safe_cell("=HYPERLINK(1)"), safe_cell("-3.5"), safe_cell(" +cmd"), safe_cell("plain")
    ("'=HYPERLINK(1)", '-3.5', "' +cmd", 'plain')
    """
    if not text:
        return text
    if text[0] in "\t\r\n":
        return "'" + text
    rest = text[match.end() :] if (match := _LEADING.match(text)) else text
    if rest.startswith(_STARTS_FORMULA) and not _NUMBER.fullmatch(text.strip(" ")):
        return "'" + text
    return text


def _join(items: Iterable[str], separator: str = "; ") -> str | None:
    return separator.join(items) or None


def _natural(code: str) -> list[tuple[int, int, str]]:
    """Sort key: 6.4 before 6.10, and 6.b after both."""
    return [(0, int(p), "") if p.isdigit() else (1, 0, p) for p in code.split(".")]
