"""What column names mean: the usual English names of each field, and finding the header among the first rows."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass

from tagger.catalogue.cells import parse_framework, parse_language
from tagger.catalogue.quantities import parse_system

__all__ = ["Candidate", "by_name", "find_header", "found_column", "plain_name", "score_header", "suggests_field"]

_THING = (
    r"(?:course|module|unit|micro ?credential|credential|programme|program|paper|class|badge|award|qualification"
    r"|component|learning unit|short course)"
)
_OUTCOMES = (
    r"(?:(?:intended|expected|key|main|stated|course|module|unit|programme|program|student|subject|specific|graduate)"
    r" )*"
)
_ANY_LIST = r"(?: (?:text|list|statements?|description|full))?"

# Weights order the candidates of one field among themselves; the first row that matches counts.
_NAMES: dict[str, tuple[tuple[int, str], ...]] = {
    "id": (
        (100, rf"id|{_THING} id|identifier"),
        (95, rf"code|{_THING} code|{_THING} identifier|catalogue code"),
        (80, rf"(?:{_THING} )?(?:ref|reference|number|no|nr|num|key)|crn|uid|uuid|guid"),
        (40, _THING),
    ),
    "title": (
        (100, rf"title|{_THING} title|title of {_THING}|titel|titre|título"),
        (95, rf"(?:{_THING} )?full (?:title|name)|{_THING} name|name of {_THING}"),
        (90, r"name"),
        (85, _THING),
        (70, r"(?:short|long|display|official) (?:title|name)|label|heading"),
    ),
    "outcomes": (
        (100, rf"{_OUTCOMES}learning outcomes?{_ANY_LIST}"),
        (98, r"i?los?|[mcsup]los?|ilo s"),
        (97, rf"{_OUTCOMES}outcomes?{_ANY_LIST}"),
        (92, r"lärandemål|lernergebnisse?|lernziele?|resultados de aprendizaje|acquis d apprentissage|leeruitkomsten"),
        (90, r"learning (?:objectives?|goals?|targets?|achievements?)"),
        (88, r"what (?:you|learners|students)(?: wi)?ll (?:learn|be able to do)"),
        (88, r"(?:you|learners|students) will (?:learn|be able to)"),
        (80, rf"(?:{_THING} )?(?:objectives?|goals?)"),
        (70, r"(?:learning )?competenc(?:y|e|ies|es)(?: outcomes?)?|(?:knowledge|skills?|competenc\w+) outcomes?"),
        (65, r"skills (?:gained|developed|acquired|you will gain)"),
        (50, rf"(?:{_THING} )?aims?|aims (?:and|&) objectives"),
    ),
    "description": (
        (100, rf"(?:{_THING} |short |brief )?(?:summary|abstract|synopsis)|short description"),
        (95, rf"(?:{_THING} )?(?:overview|introduction)|about(?: (?:the|this) {_THING})?"),
        (90, rf"(?:{_THING} |full |long |detailed )?(?:description|descriptor|blurb)|description of {_THING}"),
        (70, rf"(?:{_THING} )?aims?|aims (?:and|&) objectives|rationale"),
        (60, rf"(?:indicative |{_THING} |syllabus |detailed )*(?:contents?|syllabus|topics|curriculum|outline)"),
        (60, r"details"),
    ),
    "credits": (
        (100, rf"(?:total |{_THING} )?credits?"),
        (100, r"credit (?:value|points?|amount|rating|volume|weight(?:ing)?|size)|credits value"),
        (95, r"(?:number|no|n) (?:of )?credits?|credits? (?:total|awarded|earned)|credit hours?"),
        (80, r"points?|pts|value in credits"),
        (50, r"cp|size|volume"),
    ),
    "credit_system": (
        (100, r"credits? (?:unit|units|system|type|scheme|framework|currency|kind)"),
        (100, r"unit of credits?|size (?:system|unit)"),
    ),
    "hours": (
        (100, r"notional (?:learning |student |study )?(?:hours|time)(?: of learning)?"),
        (100, r"total notional (?:learning )?hours"),
        (98, r"total (?:learning |study |student |student learning |workload )?hours"),
        (98, r"total learning time|total student effort"),
        (96, r"(?:student |nominal )?learning (?:hours|time)|slt"),
        (96, r"student learning time|hours (?:total|nominal|notional)|nominal hours"),
        (94, r"(?:student )?workload(?: hours| in hours| h)?"),
        (94, r"(?:study|effort|student) hours|hours of (?:study|learning|work)|tqt"),
        (92, r"total qualification time|estimated (?:hours|effort|workload|learning time)|size notional hours"),
        (90, r"hours|hrs"),
        (40, r"duration(?: hours)?|effort|student effort"),
    ),
    "level": (
        (105, r"framework level|qualifications? framework level"),
        (100, rf"level|{_THING} level|level (?:stated|value|number|of study|of {_THING})"),
        (100, r"stated level|nqf level|niveau|nivå"),
        (90, r"(?:study|academic|qualification|educational|education|credit) level"),
        (80, r"level (?:label|name|code|description)|levels"),
        (50, r"difficulty(?: level)?|cycle"),
    ),
    "framework": ((100, r"framework|(?:national )?(?:qualifications?|level) framework|level framework|nqf"),),
    "jurisdiction": ((100, r"jurisdiction|country(?: code| name)?"), (80, r"nation|region|territory"), (50, r"state")),
    "provider": (
        (100, r"provider|institution|university|awarding (?:body|institution|organi[sz]ation)"),
        (100, r"hei|higher education institution"),
        (95, r"(?:provider|institution|issuer|university|organi[sz]ation) name"),
        (95, r"(?:provided|offered|issued) by|issuer|institute"),
        (80, r"organi[sz]ation|college|owner"),
    ),
    "faculty": (
        (100, r"faculty(?: name)?"),
        (95, r"school(?: name)?|owning school|home school"),
        (90, r"(?:home |owning |academic )?(?:department|dept|division)(?: name)?|academic unit|org unit"),
    ),
    "language": (
        (100, r"language|lang|(?:teaching|instruction(?:al)?|delivery) language"),
        (100, r"language of (?:instruction|teaching|delivery)"),
        (60, r"locale"),
    ),
}  # fmt: skip
_COMPILED = {
    name: tuple((weight, re.compile(pattern)) for weight, pattern in patterns) for name, patterns in _NAMES.items()
}
# Column names that are a framework or a credit system of their own.
_FRAMEWORK_WORDS = ("fheq", "scqf", "eqf", "nfq", "nzqcf", "nzqf", "aqf", "sanqf", "acqf", "mqf", "knqf", "rqf", "cqfw")
_SYSTEM_WORDS = ("ects", "ec", "hp", "cats", "scqf", "nzqcf", "nzqf", "saqa", "mqf", "knqf", "ecvet")
_LANGUAGE_SUFFIX = re.compile(
    r"(.+) (en|sv|de|fr|es|it|nl|da|nb|nn|fi|pt|pl|cs|sk|el|hu|ro|bg|hr|sl|et|lv|lt|mt|ga|cy|gd|tr|uk|ru|ar|zh|ja"
    r"|ko|af|zu|xh|sw|mi|ms|eng|swe|english|swedish|german|french|spanish|italian|dutch|danish|norwegian|finnish|irish|welsh|gaelic)"
)
_PREFIX = re.compile(
    r"(?:size|level|credential|course|record|data|properties|attributes)"
    r" (?=notional hours|credits|system|stated|framework)"
)


@dataclass(frozen=True, slots=True)
class Candidate:
    """A column that may be a field: how strongly, why, and what its name says besides."""

    column: str
    field: str
    weight: float
    reason: str
    group: str
    number: int
    language: str | None = None
    implied: str | None = None


def by_name(column: str) -> list[Candidate]:
    """Return the fields that a column's name suggests."""
    name = plain_name(column)
    # Nested records: `size.credits`, `size.system`, `level.stated`.
    nested = {"size system": "credit system", "level stated": "level stated", "level framework": "level framework"}
    name = nested.get(name, _PREFIX.sub("", name) if "." in column else name)
    language = None
    if match := _LANGUAGE_SUFFIX.fullmatch(name):
        name, language = match[1], parse_language(match[2])
    number = 0
    base = name
    if match := re.fullmatch(r"(.*?[a-z])(?: ?no)? ?#?(\d{1,2})(?: (?:text|description|statement))?", name):
        base, number = match[1].strip(), int(match[2])
    found: list[Candidate] = []
    for candidate_field, patterns in _COMPILED.items():
        if number and candidate_field != "outcomes":
            continue
        for weight, pattern in patterns:
            if pattern.fullmatch(base):
                found.append(Candidate(column, candidate_field, weight, f"named {column!r}", base, number, language))
                break
    if not number:
        found.extend(_implied(column, name))
    return found


def _implied(column: str, name: str) -> list[Candidate]:
    words = name.split()
    found: list[Candidate] = []
    frameworks = [word for word in words if word in _FRAMEWORK_WORDS]
    if len(frameworks) == 1:
        rest = " ".join(word for word in words if word != frameworks[0])
        framework = parse_framework(frameworks[0])
        if rest in ("level", "levels", "framework level", "level number", "level code", "credit level"):
            found.append(Candidate(column, "level", 105, f"its name says {framework}", name, 0, None, framework))
        elif not rest:
            found.append(Candidate(column, "level", 60, f"its name says {framework}", name, 0, None, framework))
    systems = [word for word in words if word in _SYSTEM_WORDS]
    if words[:1] == ["uk"] and len(words) == 2:
        systems, words = ["cats"], ["cats", words[1]]
    if len(systems) == 1:
        rest = " ".join(word for word in words if word != systems[0])
        system = parse_system(systems[0])
        weight = (
            101
            if rest in ("credit", "credits", "credit points", "points", "credit value", "value", "credits total")
            else 0
        )
        weight = weight or (99 if not rest and systems[0] in ("ects", "ec", "hp", "cats", "ecvet") else 0)
        if weight:
            found.append(Candidate(column, "credits", weight, f"its name says {system}", name, 0, None, system))
    return found


def found_column(name: str, columns: Sequence[str]) -> str | None:
    """Return the column of that name; upper case, spaces and underscores do not matter where one column fits."""
    if name in columns:
        return name
    same = [column for column in columns if plain_name(column) == plain_name(name)]
    return same[0] if len(same) == 1 else None


def plain_name(name: str) -> str:
    """Return a column name as lower-case words.

    >>> plain_name("courseTitle"), plain_name("Learning_Outcomes (EN)")
    ('course title', 'learning outcomes en')
    """
    name = re.sub(r"(?<=[a-z])(?=[A-Z][a-z])", " ", name)
    return re.sub(r"[\s_\-./()\[\]:*?’']+", " ", name).strip().casefold()


def score_header(cells: Sequence[str], wanted: frozenset[str] = frozenset()) -> float:
    """Return how much a row looks like a header: 1 and more where it names outcomes or a description.

    Examples
    --------
    >>> score_header(["Title", "Learning outcomes"]) > 1, score_header(["Spring catalogue"])
    (True, 0.0)
    """
    texts = [cell for cell in cells if cell and len(cell) <= 80]
    if wanted:
        named = sum(1 for name in wanted if found_column(name, texts) is not None)
        if named:
            return 10.0 * named + len(texts) / 100
    fields: set[str] = set()
    for cell in texts:
        fields.update(candidate.field for candidate in by_name(cell) if candidate.weight >= 50)
    if not fields:
        return 0.0
    # A row with a single cell is a title, unless the file has a single column.
    score = 0.1 * len(fields)
    return score + (1.0 if fields & {"outcomes", "description"} else 0.0)


def find_header(rows: Sequence[Sequence[str]], wanted: frozenset[str] = frozenset()) -> int:
    """Return the place of the header: the first row that is not empty, unless a later one is plainly it.

    Examples
    --------
    >>> find_header([["Courses 2024", ""], ["", ""], ["Title", "Outcomes"], ["Soil", "Dig"]])
    2
    """
    filled = [place for place, row in enumerate(rows) if any(cell.strip() for cell in row)]
    if not filled:
        return 0
    first = filled[0]
    scores = {place: score_header(rows[place], wanted) for place in filled}
    best = max(filled, key=lambda place: (scores[place], -place))
    first_width = sum(1 for cell in rows[first] if cell.strip())
    width = sum(1 for cell in rows[best] if cell.strip())
    if best != first and scores[best] >= 1.1 and width > first_width and scores[best] > scores[first] + 0.15:
        return best
    return first


def suggests_field(column: str) -> bool:
    """Return True where a column's name suggests any field."""
    return bool(by_name(column))
