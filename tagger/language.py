"""Does a text read as English? A count of function words, enough to keep other languages out of English models."""

from __future__ import annotations

import re
from typing import Final

from tagger.text import words

__all__ = ["is_tag", "looks_english", "says_english"]

_ENGLISH: Final = frozenset(
    [
        "the",
        "of",
        "and",
        "to",
        "in",
        "a",
        "an",
        "for",
        "with",
        "on",
        "as",
        "by",
        "from",
        "or",
        "their",
        "its",
        "is",
        "are",
        "be",
        "this",
        "that",
        "at",
        "into",
    ]
)
# Function words of languages that catalogues come in, less those that stand in English texts too (go, per, et al, x and y).
_OTHER: Final = frozenset(
    word
    for line in (
        "och att som av för med på är det den ett inom samt kan ska",  # Swedish
        "og til af er på kan som ved eller",  # Danish, Norwegian
        "und der die das den dem mit für von zu im ein eine oder nach sowie über zur zum",  # German
        "la le les des du et en une pour dans sur avec par aux ses leur leurs est sont ou",  # French
        "el los las del una para con por sus como",  # Spanish
        "het een van voor met zijn worden naar bij door aan",  # Dutch
        "il lo gli di della delle dei una con nel nella alla sono",  # Italian
        "os das dos da em um uma para com na ao pelo sobre",  # Portuguese
        "na oraz dla przez się jest",  # Polish
        "ja sekä tai ovat voi että",  # Finnish
        "agus na le ar",  # Irish
        "dan yang untuk dengan dalam pada dari bagi kepada",  # Malay
    )
    for word in line.split()
    if word not in ("den", "die")  # English has these too
)


def is_tag(language: str) -> bool:
    """Say whether a language is given as a tag such as ``en`` or ``pt-BR``, not as words or as several.

    Examples
    --------
    >>> is_tag("en-GB"), is_tag("Swedish/English")
    (True, False)
    """
    return re.fullmatch(r"[A-Za-z]{2,3}(?:[-_][A-Za-z0-9]{1,8})*", language) is not None


def says_english(language: str | None) -> bool | None:
    """Say whether a stated language is English; None when nothing is stated, or no language tag.

    Examples
    --------
    >>> says_english("en-GB"), says_english("sv"), says_english("sv/en"), says_english(None)
    (True, False, None, None)
    """
    if language is None or not is_tag(language):
        return None
    return re.split("[-_]", language.lower())[0] in ("en", "eng")


def looks_english(text: str) -> bool:
    """Say whether a text reads as English; True when it has too few function words to tell.

    Examples
    --------
    >>> looks_english("Explain the principles of wound care and apply them")
    True
    >>> looks_english("redogöra för och tillämpa vetenskapliga metoder")
    False
    >>> looks_english("Python basics")
    True
    """
    found = words(text)
    lower = [w.text.lower() for w in found]
    english = sum(w in _ENGLISH for w in lower)
    other = sum(w.text.lower() in _OTHER and not _is_acronym(w.text, text) for w in found)
    letters = [c for c in text if c.isalpha()]
    foreign_script = sum(not c.isascii() and not "À" <= c <= "ɏ" for c in letters)
    if letters and foreign_script > len(letters) / 2:
        return False
    return other <= english if english + other else True


def _is_acronym(word: str, text: str) -> bool:
    return word.isupper() and not text.isupper()  # "UN" or "DES" is no article, unless all is in capitals
