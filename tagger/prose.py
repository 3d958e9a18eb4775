"""Sentences of a description: which of them say something of the subject or of what is learnt, and which run the course."""

from __future__ import annotations

import re
from collections.abc import Iterator
from functools import cache

from tagger.lexicon import Lexicon, lexicon
from tagger.phrases import ADDRESS, WORD, first_words, is_debris, is_heading, lead_in_end, leads, trim

__all__ = ["glued", "is_aside", "second_statement", "statement"]

_GLUED = re.compile(r"(?<![^\W_])([a-z]{4,}|[0-9]{4})(?=[A-Z][a-z])")
_TAIL_OF_WORD = re.compile(r"[A-Za-z]*")
_QUESTION = re.compile(r"\?[\s\"'”’)\]*]*$")
_MARKED = re.compile(r"[\s*†‡]+")


def glued(text: str, start: int, end: int, lex: Lexicon) -> Iterator[int]:
    """Yield where a scraper has lost a line break inside ``text[start:end]``: "of our coastsStudents will"."""
    for match in _GLUED.finditer(text, start, end):
        rest = _TAIL_OF_WORD.match(text, match.end(), end)
        word = match.group() + (rest.group() if rest is not None else "")
        if word.lower() not in lex.compounds:
            yield match.end()


def second_statement(text: str, start: int, end: int, lex: Lexicon) -> int | None:
    """Return where a second statement with a learner of its own begins in a sentence; None where there is none.

    "…view accounts as a tool, and having completed it students will be able to plan": at "having".
    """
    for match in lex.hinge.finditer(text, start, end):
        at = match.end()
        lead = lex.lead_in.match(text[at : min(end, at + 400)])
        if lead is None or lead["bare"]:
            continue
        after = lead_in_end(text, at, end, lex)
        if after > at and leads(text, after, end, lex):
            return at
    return None


def statement(text: str, start: int, end: int, lex: Lexicon) -> tuple[int, int] | None:
    """Return the range of what the sentence ``text[start:end]`` states, without prefix and lead-in.

    None where it is a heading, debris, too short, or only runs the course.
    """
    start, end = trim(text, start, end, lex)
    prefix = lex.prefix.match(text, start, end)
    if prefix is not None:
        start = prefix.end()
        marked = text.find("*", start, min(end, start + 80))
        if marked >= 0 and len(first_words(text, start, marked)) < 8 and not re.search("[.;]", text[start:marked]):
            start = marked  # "Programme Core Course: Coastal Studies (MSc)* This course ..."
        marks = _MARKED.match(text, start, end)
        start = marks.end() if marks is not None else start
    sentence = text[start:end]
    if text[end : end + 1] == ":" and len(first_words(text, start, end)) < 7:
        return None
    if start >= end or is_heading(sentence, lex) or is_debris(sentence, lex) or is_aside(sentence, lex):
        return None
    begin, end = trim(text, lead_in_end(text, start, end, lex), end, lex)
    if begin >= end or len(first_words(ADDRESS.sub("", sentence), 0, len(sentence))) < 3:
        return None
    return begin, end


def is_aside(sentence: str, lex: Lexicon) -> bool:
    """Tell whether a sentence only runs the course (who may enrol, how it is taught and assessed), or is a question.

    Examples
    --------
    >>> is_aside("Tutorials supplement the lectures.", lexicon("en"))
    True
    >>> is_aside("Lectures trace how coasts are shaped.", lexicon("en"))
    False
    """
    pattern = _administrative(lex.language)
    if (pattern is not None and pattern.search(sentence) is not None) or lex.asides.search(sentence) is not None:
        return True
    first = WORD.search(sentence)
    opening = first.start() if first is not None else 0
    if _QUESTION.search(sentence) is not None:
        return lex.stating.match(sentence, opening) is None
    return lex.running.match(sentence, opening) is not None and lex.learning.search(sentence) is None


@cache
def _administrative(language: str) -> re.Pattern[str] | None:
    phrases = lexicon(language).administrative
    return (
        re.compile(r"\b(?:" + "|".join(re.escape(p) for p in phrases) + r")(?!\w)", re.IGNORECASE) if phrases else None
    )
