"""Which language does a text read as? A count of function words, enough to keep other languages out of a model."""

from __future__ import annotations

import re
from collections.abc import Sequence
from typing import Final

from tagger.text import words

__all__ = ["guess_language", "is_tag", "looks_english", "primary_tag", "says_english"]

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
_FOREIGN: Final = {
    "sv": "och att som av för med på är det den ett inom samt kan ska",
    "da": "og til af er på kan som ved eller",
    "no": "og til av er på kan som ved eller",
    "de": "und der die das den dem mit für von zu im ein eine oder nach sowie über zur zum",
    "fr": "la le les des du et en une pour dans sur avec par aux ses leur leurs est sont ou",
    "es": "el los las del una para con por sus como",
    "nl": "het een van voor met zijn worden naar bij door aan",
    "it": "il lo gli di della delle dei una con nel nella alla sono",
    "pt": "os das dos da em um uma para com na ao pelo sobre",
    "pl": "na oraz dla przez się jest",
    "fi": "ja sekä tai ovat voi että",
    "ga": "agus na le ar",
    "ms": "dan yang untuk dengan dalam pada dari bagi kepada",
}
_OTHER: Final = frozenset(
    word
    for line in _FOREIGN.values()
    for word in line.split()
    if word not in ("den", "die")  # English has these too
)
# Words that tell these languages from one another, but say little against English: too short, or in its loan words.
_FURTHER: Final = {
    "fr": "un l d au de à qui que se son sa ce cette être plus selon entre d'un d'une",
    "es": "la de en un y e o su se al es más entre según",
    "de": "in an auf aus bei durch als auch des sich sie wird werden einer eines einem einen",
    "nl": "de en in op te of om tot uit de als ook wordt een",
    "it": "la le e i un in per si al che ed tra da come",
    "pt": "o a e os as de do no se por como entre mais",
}
_WORDS: Final = {
    tag: frozenset(line.split()) | frozenset(_FURTHER.get(tag, "").split()) for tag, line in _FOREIGN.items()
} | {"en": _ENGLISH}
_THREE_LETTERS: Final = {
    **{"eng": "en", "fra": "fr", "fre": "fr", "deu": "de", "ger": "de", "spa": "es", "ita": "it", "nld": "nl"},
    **{
        "dut": "nl",
        "por": "pt",
        "swe": "sv",
        "dan": "da",
        "nor": "no",
        "nb": "no",
        "nn": "no",
        "pol": "pl",
        "fin": "fi",
    },
}


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


def primary_tag(language: str) -> str:
    """Return the primary tag of a language, two letters where there are two.

    Examples
    --------
    >>> primary_tag("fr-BE"), primary_tag("ENG")
    ('fr', 'en')
    """
    tag = re.split("[-_]", language.strip().lower())[0]
    return _THREE_LETTERS.get(tag, tag)


def guess_language(text: str, among: Sequence[str], usual: str | None = None) -> str | None:
    """Return which of some languages a text reads as; None if it reads as another.

    Parameters
    ----------
    text : str
    among : sequence of str
        Primary tags. One whose function words are not known is found only as the usual one.
    usual : str or None
        For a text that does not tell; None for English where it is among them, else the first.

    Examples
    --------
    >>> guess_language("appliquer les principes de la comptabilité", ["en", "fr"])
    'fr'
    >>> guess_language("redogöra för och tillämpa metoder", ["en", "fr"]) is None
    True
    >>> guess_language("Python", ["fr"])
    'fr'
    """
    if tuple(among) == ("en",):
        return "en" if looks_english(text) else None
    if usual not in among:
        usual = "en" if "en" in among else next(iter(among), None)
    found = [w.text.lower() for w in words(text)]
    counts = {tag: sum(w in known for w in found) for tag, known in _WORDS.items()}
    most = max(counts.values())
    leading = [tag for tag, n in counts.items() if n == most]
    if most == 0 or usual in leading or usual not in counts:
        return usual
    return next((tag for tag in among if tag in leading), None)


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
