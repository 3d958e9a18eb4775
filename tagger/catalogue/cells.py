"""What single cells say: credits and hours, levels, languages, and cells that say nothing."""

from __future__ import annotations

import datetime
import html
import json
import math
import re
from typing import NamedTuple

__all__ = [
    "LevelCell",
    "as_text",
    "is_blank",
    "is_spreadsheet_error",
    "parse_framework",
    "parse_language",
    "parse_level",
]

_PLACEHOLDERS = frozenset(
    {
        "", "n a", "na", "none", "nil", "null", "nan", "tbc", "tba", "tbd", "not applicable", "not available",
        "not entered",
        "not specified", "not stated", "not set", "not yet available", "to be confirmed", "to be announced",
        "to be determined", "to be decided", "unknown", "undefined", "blank", "empty", "no data", "pending",
    }
)  # fmt: skip
_ERRORS = frozenset(
    {"#REF!", "#N/A", "#VALUE!", "#NAME?", "#DIV/0!", "#NULL!", "#NUM!", "#SPILL!", "#CALC!", "#GETTING_DATA"}
)


class LevelCell(NamedTuple):
    """What a level cell says."""

    framework: str | None = None
    stated: str | None = None
    message: str | None = None
    hint: str | None = None


def as_text(value: object) -> str:
    """Return a cell as text: dates as ISO 8601, whole numbers without a point, lists and objects as JSON.

    Examples
    --------
    >>> as_text(15.0), as_text(None), as_text(["a", 1])
    ('15', '', '["a", 1]')
    """
    if isinstance(value, str):
        return value
    if value is None:
        return ""
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, float):
        if math.isnan(value):
            return ""
        return str(int(value)) if value.is_integer() and abs(value) < 1e15 else repr(value)
    if isinstance(value, datetime.date | datetime.time):
        return value.isoformat()
    if isinstance(value, list | tuple | dict):
        return json.dumps(value, ensure_ascii=False, default=str)
    return str(value)


def is_blank(text: str) -> bool:
    """Return True for a cell that holds nothing but mark-up, dashes or a placeholder such as ``N/A`` or ``TBC``.

    Examples
    --------
    >>> [is_blank(text) for text in ("<p>&nbsp;</p>", "- not available -", "TBC.", "Nap")]
    [True, True, True, False]
    """
    if len(text) > 400 and "<" not in text and "&" not in text and not text[:400].isspace():
        return False
    if "<" in text:
        text = re.sub(r"<[^<>]*>", " ", text)
    if "&" in text:
        text = html.unescape(text)
    return re.sub(r"[\W_]+", " ", text[:10_000]).strip().casefold() in _PLACEHOLDERS


def is_spreadsheet_error(value: object) -> bool:
    """Return True for an error value such as ``#REF!``."""
    return isinstance(value, str) and value[:1] == "#" and value.strip().upper() in _ERRORS


# Names of frameworks as they occur in cells and column names, and the id of each.
_FRAMEWORKS: tuple[tuple[str, str], ...] = (
    (r"european qualifications? framework|eqf", "EQF"),
    (r"framework for higher education qualifications?|fheq", "FHEQ"),
    (r"scottish credit (?:and|&) qualifications? framework|scqf", "SCQF"),
    (r"irish (?:national framework of qualifications|nfq)|national framework of qualifications|nfq|qqi", "NFQ"),
    (r"new zealand qualifications? (?:and credentials? )?framework|nzqc?f", "NZQCF"),
    (r"australian qualifications? framework|aqf", "AQF"),
    (r"south african (?:national qualifications? framework|nqf)|sa[ -]?nqf|saqa", "SANQF"),
    (r"african continental qualifications? framework|acqf", "ACQF"),
    (r"malta qualifications? framework|mqf", "MQF"),
    (r"kenya(?:n)? national qualifications? framework|knqf", "KNQF"),
    (r"regulated qualifications? framework|rqf", "RQF"),
    (r"credit (?:and|&) qualifications? framework for wales|cqfw", "CQFW"),
)
_FRAMEWORK = re.compile(
    r"\b(?:the )?(?:" + "|".join(f"(?P<f{n}>{pattern})" for n, (pattern, _) in enumerate(_FRAMEWORKS)) + r")(?![a-z])",
    re.IGNORECASE,
)


def _frameworks_in(text: str) -> list[tuple[str, int, int]]:
    found = []
    for match in _FRAMEWORK.finditer(text):
        place = int((match.lastgroup or "f0")[1:])
        found.append((_FRAMEWORKS[place][1], match.start(), match.end()))
    return found


def parse_framework(text: str) -> str | None:
    """Return the framework that a text names, as an id; one that is not known is returned as written.

    Examples
    --------
    >>> parse_framework("European Qualifications Framework (EQF)"), parse_framework("dqr"), parse_framework("-")
    ('EQF', 'DQR', None)
    """
    if is_blank(text):
        return None
    names = {name for name, _, _ in _frameworks_in(text)}
    if len(names) == 1:
        return names.pop()
    text = " ".join(text.split())
    return text.upper() if re.fullmatch(r"[A-Za-z]{2,6}", text) else text


_PLAIN_LEVEL = re.compile(r"(?:levels?|lvl|l|niveau|nivel|niv[aå])? ?[.:#-]? ?(\d{1,2}[a-z+]?)", re.IGNORECASE)
_LEVEL_WORD = re.compile(r"\b(?:levels?|lvl)\b\.?", re.IGNORECASE)


def parse_level(value: object) -> LevelCell:
    """Read a level cell: the framework that it names, if any, and the level as written without that name.

    Examples
    --------
    >>> parse_level("FHEQ Level 7")[:2], parse_level("L6")[:2], parse_level("Intermediate")[:2]
    (('FHEQ', '7'), (None, '6'), (None, 'Intermediate'))
    """
    text = " ".join(html.unescape(re.sub(r"<[^<>]*>", " ", as_text(value))).split())
    if is_blank(text):
        if text and "?" in text:
            return LevelCell(message="is not a level", hint="leave the cell empty if the level is unknown")
        return LevelCell()
    if isinstance(value, bool | datetime.date | datetime.time | list | tuple | dict):
        return LevelCell(None, text, "is not a level", "write 6, or EQF 6")
    if len(text) > 80:
        return LevelCell(None, text, "is too long for a level", "is it another column?")
    found = _frameworks_in(text)
    if not found:
        match = _PLAIN_LEVEL.fullmatch(text)
        return LevelCell(None, match[1] if match else text)
    framework, start, end = found[0]
    rest = text[:start] + " " + text[end:]
    message = hint = None
    if len({name for name, _, _ in found}) > 1:
        second = found[1]
        first_part = text[: second[1]].strip(" /;,|(-–=")
        if re.search(r"\d", first_part):
            rest = text[:start] + " " + text[end : second[1]]
        else:
            return LevelCell(None, text, "names two frameworks", "give one framework and its level")
        message = f"names two frameworks; read as {framework}"
        hint = "give one framework and its level"
    rest = re.sub(r"\(\s*\)|\[\s*\]", " ", rest)
    stated = " ".join(_LEVEL_WORD.sub(" ", rest).split()).strip(" :;,|/-–=(")
    if stated.endswith(")") and "(" not in stated:
        stated = stated[:-1].rstrip()
    match = _PLAIN_LEVEL.fullmatch(stated)
    stated = match[1] if match else stated
    if not stated:
        return LevelCell(framework, None, "names a framework without a level", "write the level as well")
    return LevelCell(framework, stated, message, hint)


_LANGUAGES = {
    "english": "en", "swedish": "sv", "svenska": "sv", "german": "de", "deutsch": "de", "french": "fr",
    "français": "fr",
    "spanish": "es", "español": "es", "italian": "it", "dutch": "nl", "nederlands": "nl", "danish": "da",
    "norwegian": "no",
    "finnish": "fi", "portuguese": "pt", "polish": "pl", "czech": "cs", "greek": "el", "hungarian": "hu",
    "romanian": "ro",
    "bulgarian": "bg", "croatian": "hr", "slovak": "sk", "slovenian": "sl", "estonian": "et", "latvian": "lv",
    "lithuanian": "lt", "maltese": "mt", "irish": "ga", "gaeilge": "ga", "welsh": "cy", "cymraeg": "cy", "gaelic": "gd",
    "icelandic": "is", "turkish": "tr", "ukrainian": "uk", "russian": "ru", "arabic": "ar", "chinese": "zh",
    "japanese": "ja", "korean": "ko", "afrikaans": "af", "zulu": "zu", "isizulu": "zu", "xhosa": "xh", "swahili": "sw",
    "kiswahili": "sw", "maori": "mi", "te reo māori": "mi", "malay": "ms", "catalan": "ca", "basque": "eu",
    "eng": "en", "swe": "sv", "deu": "de", "ger": "de", "fra": "fr", "fre": "fr", "spa": "es", "ita": "it", "nld": "nl",
    "dut": "nl", "dan": "da", "nor": "no", "fin": "fi", "por": "pt", "pol": "pl", "gle": "ga", "cym": "cy", "mlt": "mt",
}  # fmt: skip


def parse_language(text: str) -> str | None:
    """Return a language as a BCP 47 tag where it is known, as written where it is not, None for an empty cell.

    Examples
    --------
    >>> parse_language("English"), parse_language("EN-gb"), parse_language("Klingon")
    ('en', 'en-GB', 'Klingon')
    """
    if is_blank(text):
        return None
    text = " ".join(text.split())
    key = text.casefold()
    if key in _LANGUAGES:
        return _LANGUAGES[key]
    if match := re.fullmatch(r"([a-zA-Z]{2})(?:[-_]([a-zA-Z]{2}))?", text):
        return match[1].lower() + (f"-{match[2].upper()}" if match[2] else "")
    return text
