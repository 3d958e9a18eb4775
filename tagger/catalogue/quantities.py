"""Credits and hours as catalogues write them: read exactly or reported, never guessed."""

from __future__ import annotations

import datetime
import html
import math
import re
import unicodedata
from typing import NamedTuple

from tagger.catalogue.cells import as_text, is_blank

__all__ = ["SizeCell", "parse_size", "parse_system"]

_MAX_CREDITS = 1_000.0
_MAX_HOURS = 20_000.0


class SizeCell(NamedTuple):
    """What a cell of credits or hours says; `message` is set where it could not be read, or not all of it."""

    credits: float | None = None
    system: str | None = None
    hours: tuple[float, float] | None = None
    message: str | None = None
    hint: str | None = None


# Words for credits, as regular expressions, and the system that each names (None: credits of some system).
_CREDIT_UNITS: tuple[tuple[str, str | None], ...] = (
    (r"ects(?: ?-? ?(?:credits?|points?|credit points?|cr|cp|hp))?(?: ?\(?hp\)?)?|ecs?|h[oö]gskolepo[aä]ng|hp", "ECTS"),
    (r"studiepoeng|studiepunten|opintopistett[aä]|leistungspunkte|cfu", "ECTS"),
    (r"cats(?: ?-? ?(?:credits?|points?|credit points?))?|uk credits?", "CATS"),
    (r"scqf(?: ?-? ?(?:credits?|points?|credit points?))?", "SCQF"),
    (r"(?:nzqc?f|nzqa)(?: (?:credits?|points?|credit points?))?", "NZQCF"),
    (r"(?:saqa|sanqf)(?: (?:credits?|points?))?", "SAQA"),
    (r"mqf(?: (?:credits?|points?))?", "MQF"),
    (r"knqf(?: (?:credits?|points?))?", "KNQF"),
    (r"ecvet(?: (?:credits?|points?))?", "ECVET"),
    (r"semester (?:credit )?hours?|semester credits?", "US-SEMESTER"),
    (r"quarter (?:credit )?hours?|quarter credits?", "US-QUARTER"),
    (r"ceus?|continuing education units?", "CEU"),
    (r"credit hours?|credits?|credit points?|credit units?|cps?|crs?|crd|points?|pts?|units?", None),
)
_HOUR_UNITS = (
    r"(?:notional |total |learning |study |student |slt |nominal |work(?:load)? |effort |cpd )*"
    r"(?:h|hr|hrs|hours?|std)(?: (?:of )?(?:slt|learning|study|work|effort|workload"
    r"|notional learning|student learning))?"
)
_OTHER_HOURS = r"(?:guided learning|guided|contact|taught|teaching|lecture|class|tutorial|lab) ?(?:h|hrs?|hours?)|glh"
_DURATIONS = (
    r"days?|d|weeks?|wks?|w|months?|mths?|years?|yrs?|semesters?|terms?|quarters?|sessions?|lectures?|ects days?"
)
_NUMBER = r"\d[\d.,'’ ]*\d|\d"
_UNITS: tuple[tuple[re.Pattern[str], str, str | None], ...] = (
    *((re.compile(pattern), "credits", system) for pattern, system in _CREDIT_UNITS),
    (re.compile(_HOUR_UNITS), "hours", None),
    (re.compile(r"min(?:ute)?s?"), "minutes", None),
    (re.compile(_OTHER_HOURS), "other hours", None),
    (re.compile(_DURATIONS), "duration", None),
)
_QUANTITY = re.compile(rf"(?P<number>{_NUMBER}) ?(?P<unit>[^\W\d_][^\d,;/|+=()\[\]]*(?:\(hp\))?)?")
_UNIT_FIRST = re.compile(rf"(?P<unit>[^\W\d_][^\d,;/|+=()\[\]:]*?) ?[:=(]? ?(?P<number>{_NUMBER})\)?")
_RANGE = re.compile(rf"(?P<low>{_NUMBER}) ?(?:-|–|—|to|bis|until|/|or) ?(?P<high>{_NUMBER}) ?(?P<unit>[^\W\d_].*)?")


def _unit(text: str | None) -> tuple[str, str | None] | None:
    """Return kind and system of a unit; None where the word is not known."""
    word = (text or "").strip(" .-–:*").replace(".", "")
    if not word:
        return "", None
    for pattern, kind, system in _UNITS:
        if pattern.fullmatch(word):
            return kind, system
    return None


def _number(text: str, *, is_hours: bool) -> float | None:
    """Read a number as people write them; None where it could mean two things or nothing."""
    text = text.replace("’", "'").strip()
    if re.fullmatch(r"\d{1,3}(?:[ ']\d{3})+", text):
        return float(re.sub(r"[ ']", "", text))
    if re.fullmatch(r"\d+", text):
        return float(text)
    if re.fullmatch(r"\d{1,3}(?:,\d{3})+\.\d+|\d{1,3}(?:,\d{3}){2,}", text):
        return float(text.replace(",", ""))
    if re.fullmatch(r"\d{1,3}(?:\.\d{3})+,\d+|\d{1,3}(?:\.\d{3}){2,}", text):
        return float(text.replace(".", "").replace(",", "."))
    if re.fullmatch(r"[1-9]\d{0,2},\d{3}", text):
        # 1,500 hours are thousands; 1,500 credits could be one and a half.
        return float(text.replace(",", "")) if is_hours else None
    if re.fullmatch(r"[1-9]\d{0,2}\.\d{3}", text):
        return None if is_hours else float(text)
    if re.fullmatch(r"\d+[.,]\d+", text):
        return float(text.replace(",", "."))
    return None


_NOT_A_NUMBER = "write 10, or leave the cell empty if the size is unknown"


def parse_size(value: object, *, is_hours: bool = False) -> SizeCell:
    """Read a cell of credits (or of hours, with `is_hours`); nothing is guessed.

    Parameters
    ----------
    value : object
        Text or number as the file has it.
    is_hours : bool
        True where a bare number means hours.

    Returns
    -------
    SizeCell
        Everything None for an empty cell or placeholder. Days and weeks are not converted: they have no fixed hours.

    Examples
    --------
    >>> parse_size("7,5 hp")[:2]
    (7.5, 'ECTS')
    >>> parse_size("150 hrs").hours
    (150.0, 150.0)
    >>> parse_size("ten").message
    'is not a number'
    """
    if value is None or (isinstance(value, list | tuple) and not value):
        return SizeCell()
    if isinstance(value, bool):
        return SizeCell(message="is not a number", hint=_NOT_A_NUMBER)
    if isinstance(value, int | float):
        try:
            number = float(value)
        except OverflowError:
            number = math.inf
        return SizeCell() if math.isnan(number) else _checked(number, is_hours=is_hours)
    if isinstance(value, datetime.date | datetime.time):
        return SizeCell(
            message="is a date, not a number",
            hint="the spreadsheet has changed the number into a date; type it as text",
        )
    if isinstance(value, list | tuple):
        return _from_pair(value, is_hours=is_hours)
    text = as_text(value)
    if is_blank(text) and not re.search(r"\d", text):
        return SizeCell()
    return _from_text(text, is_hours=is_hours)


def _from_pair(value: list[object] | tuple[object, ...], *, is_hours: bool) -> SizeCell:
    if len(value) == 1:
        return parse_size(value[0], is_hours=is_hours)
    ends = [parse_size(item, is_hours=True).hours for item in value]
    if is_hours and len(value) == 2 and ends[0] and ends[1] and ends[0][0] <= ends[1][1]:
        return SizeCell(hours=(ends[0][0], ends[1][1]))
    return SizeCell(message="is not one number", hint="give one number")


def _checked(number: float, *, is_hours: bool, system: str | None = None) -> SizeCell:
    unit = "hours" if is_hours else "credits"
    if number < 0:
        return SizeCell(message="is negative", hint=f"{unit} are above zero; leave the cell empty if they are unknown")
    if number == 0:
        return SizeCell(message=f"gives no {unit}", hint=f"leave the cell empty if the {unit} are unknown")
    if not math.isfinite(number) or number > (_MAX_HOURS if is_hours else _MAX_CREDITS):
        return SizeCell(message=f"is too large for {unit}", hint="is a decimal point missing, or is it another column?")
    return SizeCell(hours=(number, number)) if is_hours else SizeCell(number, system)


def _normalised(text: str) -> str:
    if "<" in text:
        text = re.sub(r"<[^<>]*>", " ", text)
    if "&" in text:
        text = html.unescape(text)
    text = unicodedata.normalize("NFKC", text[:400]).casefold()
    return re.sub(r"\s+", " ", text).strip(" .;,*")


def _from_text(raw: str, *, is_hours: bool) -> SizeCell:
    text = _normalised(raw)
    if re.fullmatch(rf"[-−–] ?(?:{_NUMBER})(?: .*)?", text):
        return SizeCell(message="is negative", hint="leave the cell empty if the size is unknown")
    if match := _RANGE.fullmatch(text):
        return _from_range(match, is_hours=is_hours)
    quantities: list[tuple[str, str | None, str]] = []
    rest = text
    while rest:
        match = _QUANTITY.match(rest) or _UNIT_FIRST.match(rest)
        unit = _unit(match["unit"]) if match else None
        if match is None or unit is None:
            return SizeCell(message="is not a number", hint=_NOT_A_NUMBER)
        quantities.append((unit[0], unit[1], match["number"]))
        left = rest[match.end() :]
        rest = re.sub(r"^[ ,;/|+=()\[\]]+(?:(?:and|or) )?", "", left)
        if (rest and rest == left) or (not rest and left.strip() not in ("", ")", "]")):
            return SizeCell(message="is not a number", hint=_NOT_A_NUMBER)
        rest = "" if rest == "hp)" else rest
    return _combined(quantities, is_hours=is_hours)


def _from_range(match: re.Match[str], *, is_hours: bool) -> SizeCell:
    unit = _unit(match["unit"])
    low, high = _number(match["low"], is_hours=True), _number(match["high"], is_hours=True)
    if unit is not None and low and high and low <= high <= _MAX_HOURS:
        means_hours = unit[0] == "hours" or (is_hours and not unit[0])
        if means_hours and not re.search(r"/|or", match[0][match.end("low") - match.start() : match.start("high")]):
            return SizeCell(hours=(low, high))
    if unit is not None and unit[0] == "duration":
        return SizeCell(message="is a duration, not a size", hint="give the notional hours or the credits")
    return SizeCell(message="is not one number", hint="give one number, or leave the cell empty if the size varies")


def _combined(quantities: list[tuple[str, str | None, str]], *, is_hours: bool) -> SizeCell:
    result = SizeCell()
    for kind, system, digits in quantities:
        kind = kind or ("hours" if is_hours else "credits")
        if kind == "duration" and re.fullmatch(r"\d", digits[:1]):
            if result.credits is None and result.hours is None:
                result = result._replace(
                    message="is a duration, not a size",
                    hint="days and weeks have no fixed number of hours; give the notional hours or the credits",
                )
            continue
        if kind == "other hours":
            result = result._replace(
                message="gives taught hours, not notional learning hours",
                hint="give all the hours that a learner needs, taught or not",
            )
            continue
        number = _number(digits, is_hours=kind != "credits")
        if number is None:
            return SizeCell(
                message="could mean two numbers" if re.search(r"[.,]", digits) else "is not a number",
                hint="write it without a thousands separator",
            )
        if kind == "minutes":
            kind, number = "hours", number / 60
        one = _checked(number, is_hours=kind == "hours", system=system)
        if one.message:
            return one
        if kind == "hours":
            if result.hours not in (None, one.hours):
                return SizeCell(message="gives two numbers of hours", hint="give one")
            result = result._replace(hours=one.hours)
        elif result.credits is None:
            result = result._replace(credits=one.credits, system=system)
        elif system is None or result.system is None or system == result.system:
            return SizeCell(message="gives two numbers of credits", hint="give one, with its credit system")
        else:
            result = result._replace(
                message=f"gives credits in two systems; read as {as_text(result.credits)} {result.system}",
                hint="keep the system that the catalogue awards",
            )
    if result.message == "is a duration, not a size" and (result.credits is not None or result.hours is not None):
        result = result._replace(message=None, hint=None)
    return result


_SYSTEMS = frozenset(
    {"ECTS", "CATS", "SCQF", "NZQCF", "SAQA", "MQF", "KNQF", "ECVET", "US-SEMESTER", "US-QUARTER", "CEU"}
)


def parse_system(text: str) -> str | None:
    """Return the credit system that a text names; ``hours`` for a unit of hours; None where it names none.

    An unknown one is returned as written, so that it is not taken for another.

    Examples
    --------
    >>> parse_system("ECTS (hp)"), parse_system("hours"), parse_system("credits"), parse_system("Blue points")
    ('ECTS', 'hours', None, 'Blue points')
    """
    if is_blank(text):
        return None
    normal = _normalised(text)
    if normal.upper() in _SYSTEMS:
        return normal.upper()
    unit = _unit(normal)
    if unit is not None:
        return unit[1] if unit[0] == "credits" else "hours" if unit[0] == "hours" else " ".join(text.split())
    words = re.findall(r"[a-zà-ÿ]+", normal)
    named = {system for word in words for system in [(_unit(word) or ("", None))[1]] if system is not None}
    return named.pop() if len(named) == 1 else " ".join(text.split())
