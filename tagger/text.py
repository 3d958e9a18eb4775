"""Text of a catalogue cell to outcomes and sentences, with offsets; words, and the verbs of the assessed acts.

The words of a language (lead-ins, headings, verbs) are data in ``tagger/lexicon``; spaCy (a blank pipeline with our own rules, no
model) finds the sentences. Every function takes time linear in the length of its text.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from functools import cache
from typing import TYPE_CHECKING, Any, NamedTuple

from tagger.lexicon import Lexicon, lexicon
from tagger.markup import Plain, plain_text

if TYPE_CHECKING:
    from spacy.language import Language
    from spacy.tokens import Doc

__all__ = [
    "Dropped",
    "Span",
    "action_verbs",
    "lemma",
    "split_outcomes",
    "split_outcomes_and_rest",
    "split_sentences",
    "strip_boilerplate",
    "verb_levels",
    "words",
]


class Span(NamedTuple):
    """A stretch of a raw text: ``raw[start:end]`` holds it with its mark-up, `text` is it cleaned and white space folded."""

    start: int
    end: int
    text: str


class Dropped(NamedTuple):
    """A stretch of a raw cell that is part of no outcome, and why: ``marker``, ``lead-in``, ``heading``, ``debris`` or ``tail``."""

    start: int
    end: int
    reason: str


_WORD = re.compile(r"[^\W_]+(?:['’.\-][^\W_]+)*(?:\+\+|#)?")


def words(text: str) -> list[Span]:
    """Return the word tokens of `text` with offsets; hyphens and apostrophes inside a word belong to it.

    Examples
    --------
    >>> [w.text for w in words("Assess life-cycle costs in C++.")]
    ['Assess', 'life-cycle', 'costs', 'in', 'C++']
    """
    return [Span(m.start(), m.end(), m.group()) for m in _WORD.finditer(text)]


# ---- items: the structure of a cell ---------------------------------------------------------------------------------------

_BULLETS = "•●○◦‣⁃▪▫■□◆◇▶►▸➢➤➔→✓✔✗∙⋅\uf0b7\uf0a7\uf0d8\uf0fc\uf02d\uf06f\uf0a8\u2610\u2611\u25fe\u25aa\ufffd"
_DASHES = r"\-–—−‐‑"
_LABEL = r"(?:i|c|p|m|u|s|k)?los?|learning\s+(?:outcome|objective|goal)s?|(?:course\s+|module\s+)?outcome|objective|goal|competenc[ey]"
_NUMBER = r"\d{1,2}(?:\.\d{1,2}){0,2}|[a-z]|[ivx]{1,5}"
_MARKER = re.compile(
    rf"""(?P<bullet>[{_BULLETS}·*]+\s*|[{_DASHES}]{{1,2}}(?:\s+|(?=[^\W\d]))|[o¿§]\s+(?=[^\W\d_]))
    |(?P<label>[\[(]?(?:{_LABEL})\s*[-–#.:]?\s*
      (?:\d{{1,2}}(?:\.\d{{1,2}}){{0,2}}[a-z]?(?:[\])]\s*[:.\-–]?|\s*[:.)\-–—]+(?=\s|[^\W\d])|(?=\s*$)|\s+(?=[^\W_]))
      |(?:[a-z]|[ivx]{{1,4}})\s*[:.)\]]+(?=\s|$))\s*)
    |(?P<number>[\[(](?:{_NUMBER})[\])]\s*[:.\-–]?\s*
      |(?:{_NUMBER})(?:\)\.?|\.\)|\.-)\s*
      |\d{{1,2}}(?:\.\d{{1,2}}){{0,2}}(?:\.(?!\d)\s*|:\s+|\s+(?=(?-i:[A-Z]))|\s*[-–]\s+)
      |(?:[a-zA-Z]|[ivx]{{2,5}}|[IVX]{{2,5}})\.\s+
      |\[?(?-i:[A-Z]{{1,4}})[-\ ]?\d{{1,2}}(?:\.\d{{1,2}})?(?:\]\s*|\s*[:.)]\s+))""",
    re.VERBOSE | re.IGNORECASE,
)
_INLINE_BULLET = re.compile(
    rf"(?:(?<=\s)|(?<=[.;:,)]))[{_BULLETS}]\s*|[{_BULLETS.replace('→', '')}]\s*(?=[A-Z])|(?<=\s\s)[*·{_DASHES}o¿]\s+(?=\S)|(?<=\s\s)[*·{_DASHES}](?=[^\W\d_])|(?<=[;.:,]\s)[*·{_DASHES}¿]\s+(?=[^\W\d])"
    rf"|(?<=[;.:])[*·{_DASHES}¿]\s+(?=[^\W\d])|(?<=[.:;,)\w])¿\s+(?=[^\W\d])"
)
_INLINE_NUMBER = re.compile(
    rf"""(?<![\w.,])(?:[\[(](?P<wrapped>\d{{1,2}}|[a-z]|[ivx]{{1,5}})[\])]\s*|(?P<closed>\d{{1,2}}|[a-z]|[ivx]{{1,5}})\)\s*
      |(?P<dotted>\d{{1,2}})\.(?!\d)(?=\s|(?-i:[A-Z]))\s*|[\[(]?(?:{_LABEL})\s*-?\s*(?P<labelled>\d{{1,2}})[\])]?\s*[:.)\-–]?\s*
      |(?-i:[A-Z]{{1,4}})[-\ ]?(?P<coded>\d{{1,2}})\s*[:)]\s*)
    |(?<=[\w.;)])(?<!\d)(?<!\d\.)(?P<glued>\d{{1,2}})\.\s*(?=(?-i:[A-Z]))""",
    re.VERBOSE | re.IGNORECASE,
)
_KINDS = ("wrapped", "closed", "dotted", "labelled", "coded", "glued")
_FIRST_NUMBER = re.compile(r"(?<!\d)1(?:[.)\]:]|\s*[:.)\-–]|\s+\w)|\b[aAiI]\s?[)\]]")
_GAP = re.compile(r"[ \t\u00a0\u3000]{2,}")
_LINE = re.compile(r"[^\n\r\x0b\x0c\x1c-\x1e\x85\u2028\u2029]+")
_SPACE = re.compile(r"\s+")
_INVISIBLE = re.compile("[\u00ad\u200b-\u200f\u2060\ufeff\x00-\x08\x0e-\x1b\x7f]")
_EDGE_FRONT = re.compile(rf"[\s{_BULLETS}·*,;:.!?_=~|>\]){_DASHES}¿§]*")
_SEMICOLON = re.compile(r";\s*")
_AMPERSAND = re.compile("&")
_LETTER = re.compile(r"[^\W\d_]")
_ALNUM = re.compile(r"[^\W_]")
_ADDRESS = re.compile(r"(?:https?://|www\.)\S+|(?<![\w.+-])[\w.+-]{1,64}@[\w-]+(?:\.[\w-]+)+|\[email\]", re.IGNORECASE)
_ROMAN = {"i": 1, "ii": 2, "iii": 3, "iv": 4, "v": 5, "vi": 6, "vii": 7, "viii": 8, "ix": 9, "x": 10, "xi": 11, "xii": 12}


@dataclass(slots=True)
class _Item:
    """A stretch ``text[start:end]`` of the plain text that one bullet, number or line break sets apart."""

    start: int
    end: int
    style: str  # kind of marker; "" for none
    indent: int
    after_blank: bool


def _items(text: str, lex: Lexicon, drop: Callable[[int, int, str], None]) -> list[_Item]:
    items: list[_Item] = []
    last_end = 0
    for line in _LINE.finditer(text):
        blank = text.count("\n", last_end, line.start()) > 1
        start, end = line.span()
        while start < end and text[start].isspace():
            start += 1
        if start == end:
            continue
        blank = blank or not items
        last_end = line.end()
        indent = start - line.start()
        for n, (cut, style) in enumerate(_cuts(text, start, end, lex)):
            begin = cut
            if items and n and items[-1].end > cut:
                items[-1].end = cut
            if style:
                marker = _marker_end(text, begin, end, style)
                drop(begin, marker, "marker")
                begin = marker
                if style == "bullet" and (inner := _MARKER.match(text, begin, end)) and not inner.group("bullet"):
                    drop(begin, inner.end(), "marker")
                    begin = inner.end()
            items.append(_Item(begin, end, style, indent, blank and n == 0))
    return _unwrap(items, text, lex)


def _marker_end(text: str, start: int, end: int, style: str) -> int:
    pattern = {"+bullet": _INLINE_BULLET, "+number": _INLINE_NUMBER}.get(style, _MARKER)
    match = pattern.match(text, start, end)
    return match.end() if match else start


def _cuts(text: str, start: int, end: int, lex: Lexicon) -> list[tuple[int, str]]:
    """Return where the items of one line begin, with the style of the marker there ("" for none, "+…" inside the line)."""
    cuts: dict[int, str] = {start: ""}
    head = _MARKER.match(text, start, end)
    if head is not None and head.end() <= end:
        cuts[start] = next(kind for kind in ("bullet", "label", "number") if head.group(kind) is not None)
        start = head.end()
    for match in _INLINE_BULLET.finditer(text, start, end):
        if match.end() < end:
            cuts[match.start()] = "+bullet"
    for at in _sequence(text, min(cuts), end):
        cuts.setdefault(at, "+number")
    for gap in _GAP.finditer(text, start, end):
        at = gap.end()
        if at < end and at not in cuts and _breaks(text, start, gap.start(), at, end, lex):
            cuts[at] = ""
    return sorted(cuts.items())


def _sequence(text: str, start: int, end: int) -> list[int]:
    """Return the starts of run-together numbers 1, 2, 3 … (or a, b, c; i, ii, iii) of one style, where there are two or more."""
    chains: dict[tuple[str, str], list[int]] = {}
    if _FIRST_NUMBER.search(text, start, end) is None:
        return []
    for match in _INLINE_NUMBER.finditer(text, start, end):
        kind = next(k for k in _KINDS if match.group(k) is not None)
        value = match.group(kind).lower()
        readings = [("1", int(value))] if value.isdigit() else [("a", ord(value) - 96)] if len(value) == 1 else []
        if value in _ROMAN:
            readings.append(("i", _ROMAN[value]))
        for script, number in readings:
            chain = chains.setdefault(("dotted" if kind == "glued" else kind, script), [])
            if number == len(chain) + 1:
                chain.append(match.start())
    best = max(chains.values(), key=len, default=[])
    return [at for at in best if at > start] if len(best) > 1 else []


def _breaks(text: str, start: int, before: int, after: int, end: int, lex: Lexicon) -> bool:
    """Tell whether a wide gap inside a line stands for a line break."""
    last = text[before - 1]
    if last == ":" or _is_heading(_GAP.split(text[after : min(end, after + 80)], maxsplit=1)[0], lex):
        return True
    if last in ".;":
        return False
    tail = text[max(start, before - 60) : before]
    if _is_heading(tail.rsplit("  ", 1)[-1].strip(), lex):
        return True
    return text[after].isupper() and _leads(text, after, end, lex)


def _unwrap(items: list[_Item], text: str, lex: Lexicon) -> list[_Item]:
    """Join lines that a narrow page has wrapped."""
    joined: list[_Item] = []
    for item in items:
        if joined and not item.style and not item.after_blank:
            before = text[joined[-1].start : joined[-1].end].rstrip()
            first = _WORD.match(text, item.start)
            if before and before[-1] not in ".;:!?" and first is not None:
                word = first.group()
                last = before.rsplit(None, 1)[-1].lower()
                wrapped = (word[0].islower() and not _leads(text, item.start, item.end, lex)) or (
                    last in lex.dangling and (word[0].islower() or before[-1] != ",")
                )
                if wrapped and not _is_heading(before, lex):
                    joined[-1].end = item.end
                    continue
        joined.append(item)
    return joined


# ---- what a stretch is ------------------------------------------------------------------------------------------------


def _is_heading(text: str, lex: Lexicon) -> bool:
    text = text.strip(" \t\u00a0:.-–*#_()[]")
    if not text or len(text) > 90:
        return False
    if lex.heading.fullmatch(text):
        return True
    tokens = [t for t in re.split(r"[\s,/()]+", text.lower()) if t and not t.isdigit()]
    return (
        0 < len(tokens) <= 9
        and any(t in lex.heading_heads for t in tokens)
        and all(t in lex.heading_heads or t in lex.heading_fillers for t in tokens)
    )


def _is_debris(text: str, lex: Lexicon) -> bool:
    text = text.strip(" \t\u00a0.:;,-–*()[]")
    if len(text) < 2 or not _LETTER.search(text):
        return True
    if len(text) <= 120 and lex.debris.fullmatch(text):
        return True
    return ("@" in text or "//" in text or "www" in text or "[" in text) and not _ALNUM.search(_ADDRESS.sub("", text))


def _is_adverb(word: str, lex: Lexicon) -> bool:
    return word in lex.adverbs or (
        len(word) > 4 and bool(lex.adverb_ending) and word.endswith(lex.adverb_ending) and word not in lex.forms
    )


def _leads(text: str, start: int, end: int, lex: Lexicon, *, strict: bool = False) -> bool:
    """Tell whether ``text[start:end]`` opens with an act: adverbs, then a verb in its base form, or a noun that stands for one."""
    tokens = _first_words(text, start, min(end, start + 160))
    word = ""
    for n, token in enumerate(tokens):
        word = token.lower()
        if n < 5 and _is_adverb(word, lex):
            continue
        form = lex.forms.get(word)
        if form is not None and form[1] in ("base", "participle") and word not in lex.nominal:
            if not strict or word not in lex.ambiguous:
                return not strict or form[1] == "base"
            return n + 1 < len(tokens) and tokens[n + 1].lower() in lex.determiners
        break
    return not strict and word in lex.nominal


def _first_words(text: str, start: int, end: int) -> list[str]:
    return [m.group() for m, _ in zip(_WORD.finditer(text, start, end), range(8), strict=False)]


def _lead_in(text: str, start: int, end: int, lex: Lexicon) -> int:
    """Return where the lead-in that opens ``text[start:end]`` ends; `start` if there is none."""
    at = start
    for _ in range(4):
        head = text[at : min(end, at + 400)]
        match = lex.lead_in.match(head) or lex.course.match(head)
        if match is not None and match.re is lex.course and not _leads(head, match.end(), len(head), lex):
            match = None
        match = match or lex.time.match(head)
        if match is None or match.end() == 0:
            break
        at += match.end()
        while at < end and (text[at].isspace() or text[at] in ",:;…"):
            at += 1
    opening = _WORD.match(text, at, end)
    if opening is not None and opening.group().lower() == lex.infinitive:
        following = _WORD.search(text, opening.end(), end)
        if following is not None and following.group()[0].islower() and following.group() not in lex.determiners:
            at = opening.end()
    while at < end and text[at].isspace():
        at += 1
    return at


# ---- outcomes ---------------------------------------------------------------------------------------------------------


def split_outcomes(cell: str, language: str = "en") -> list[Span]:
    """Split one cell of free text into learning outcomes.

    Parameters
    ----------
    cell : str
        Plain text or HTML: lines, bullets, numbers, semicolons, sentences, or all of these run together.
    language : str
        BCP 47 tag. Without a data file for it only the structure of the cell is used.

    Returns
    -------
    list of Span
        In order, not overlapping, offsets into `cell`; lead-ins, headings and numbering are left out, `text` is never empty.

    Examples
    --------
    >>> [s.text for s in split_outcomes("Learners will be able to: 1. analyse risk; 2. design controls.")]
    ['analyse risk', 'design controls.']
    """
    return split_outcomes_and_rest(cell, language)[0]


def split_outcomes_and_rest(cell: str, language: str = "en") -> tuple[list[Span], list[Dropped]]:
    """Return the outcomes of `cell`, and what was left out of them and why: together they hold every letter and digit of it."""
    lex = lexicon(language)
    plain = plain_text(cell)
    text = plain.text
    dropped: list[tuple[int, int, str]] = []

    def drop(start: int, end: int, reason: str) -> None:
        if end > start:
            dropped.append((start, end, reason))

    spans: list[Span] = []
    for start, end, inner in _outcomes(text, lex, drop):
        cleaned = _clean(text[start:end] if inner is None else inner)
        if cleaned:
            spans.append(Span(*plain.raw(start, end), cleaned))
    return spans, [Dropped(*plain.raw(s, e), why) for s, e, why in sorted(dropped) if text[s:e].strip()]


def _outcomes(text: str, lex: Lexicon, drop: Callable[[int, int, str], None]) -> Iterator[tuple[int, int, str | None]]:
    items = _items(text, lex, drop)
    at = 0
    while at < len(items):
        item = items[at]
        at += 1
        start, end = _trim(text, item.start, item.end, lex)
        drop(item.start, start, "marker")
        drop(end, item.end, "tail")
        if start >= end:
            continue
        colon = text[start:item.end].rstrip().endswith((":", "：", ":-", ":–"))
        stated = _lead_in(text, start, end, lex)
        if stated >= end or not _ALNUM.search(text, stated, end):
            drop(start, end, "lead-in")
            continue
        whole = text[start:end]
        if _is_heading(whole, lex):
            drop(start, end, "heading")
            continue
        if _is_debris(whole, lex):
            drop(start, end, "debris")
            continue
        if colon:
            children = _children(items, at, text, lex)
            if children and _leads(text, stated, end, lex):
                if not any(_leads(text, c.start, c.end, lex, strict=c.style == "") for c in children):
                    drop(start, stated, "lead-in")
                    last = _trim(text, children[-1].start, children[-1].end, lex)[1]
                    parts = [_clean(text[c.start : c.end]) for c in children]
                    yield stated, last, f"{_clean(text[stated:end])}: {'; '.join(p for p in parts if p)}"
                    at += len(children)
                    continue
                drop(start, end, "lead-in")
                continue
            if children and len(_WORD.findall(whole)) <= 15 and not _leads(text, stated, end, lex):
                drop(start, end, "heading")
                continue
        for piece_start, piece_end in _pieces(text, start, end, lex):
            alone = piece_start == start and piece_end == end
            first = stated if piece_start == start else _lead_in(text, piece_start, piece_end, lex)
            begin, finish = _trim(text, first, piece_end, lex)
            joint = _WORD.match(text, begin, finish) or _AMPERSAND.match(text, begin, finish)
            if joint is not None and joint.group().lower() in lex.joints:
                begin, finish = _trim(text, _lead_in(text, joint.end(), finish, lex), finish, lex)
            if begin >= finish:
                drop(piece_start, piece_end, "lead-in")
                continue
            if not (alone and begin == start) and (_is_heading(text[begin:finish], lex) or _is_debris(text[begin:finish], lex)):
                drop(piece_start, piece_end, "debris")
                continue
            drop(piece_start, begin, "lead-in")
            drop(finish, piece_end, "tail")
            yield begin, finish, None


def _children(items: list[_Item], at: int, text: str, lex: Lexicon) -> list[_Item]:
    """Return the items that hang under the item before `at`, which ends in a colon."""
    parent = items[at - 1]
    children: list[_Item] = []
    for item in items[at:]:
        if children:
            if item.style.lstrip("+") != children[0].style.lstrip("+") or item.indent < children[0].indent:
                break
        elif item.style.lstrip("+") == parent.style.lstrip("+") and item.indent <= parent.indent and item.style:
            break
        if not item.style and children and (item.after_blank or _leads(text, item.start, item.end, lex)):
            break
        if text[item.start : item.end].rstrip().endswith(":") and children:
            break
        children.append(item)
    return children


def _pieces(text: str, start: int, end: int, lex: Lexicon) -> list[tuple[int, int]]:
    """Cut one item at its semicolons and sentence ends, where what follows is an outcome of its own."""
    pieces: list[tuple[int, int]] = []
    for begin, finish in _sentences(text, start, end, lex):
        parts = _semicolon_parts(text, begin, finish, lex)
        if pieces and len(parts) == 1 and not _stands_alone(text, pieces[-1], parts[0], lex):
            pieces[-1] = (pieces[-1][0], finish)
        else:
            pieces.extend(parts)
    return pieces


def _semicolon_parts(text: str, start: int, end: int, lex: Lexicon) -> list[tuple[int, int]]:
    stops = [m.end() for m in _SEMICOLON.finditer(text, start, end)]
    if not stops:
        return [(start, end)]
    bounds = list(zip([start, *stops], [*stops, end], strict=True))

    def opens(part: tuple[int, int], strict: bool) -> bool:
        at = part[0]
        first = _WORD.search(text, at, part[1])
        if first is not None and first.group().lower() in lex.conjunctions:
            at = first.end()
        at = _lead_in(text, _EDGE_FRONT.match(text, at, part[1]).end(), part[1], lex)  # type: ignore[union-attr]
        return _leads(text, at, part[1], lex, strict=strict) and len(_first_words(text, at, part[1])) > 1

    if not opens(bounds[0], False) or not any(opens(p, True) for p in bounds[1:]):
        return [(start, end)]
    parts = [bounds[0]]
    for part in bounds[1:]:
        if opens(part, False):
            parts.append(part)
        else:
            parts[-1] = (parts[-1][0], part[1])
    return parts


def _stands_alone(text: str, before: tuple[int, int], piece: tuple[int, int], lex: Lexicon) -> bool:
    """Tell whether the sentence `piece` is an outcome of its own, or belongs to the one before it."""
    start, end = piece
    begin = _lead_in(text, start, end, lex)
    if begin > start and _leads(text, begin, end, lex):
        return True
    if _leads(text, begin, end, lex, strict=True) and len(_first_words(text, begin, end)) > 1:
        return True
    first = _WORD.search(text, start, end)
    if first is None or first.group().lower() in lex.leaning:
        return False
    prior = _lead_in(text, *before, lex)
    if _leads(text, prior, before[1], lex):
        return False
    return min(len(_first_words(text, start, end)), len(_first_words(text, *before))) >= 5


def _trim(text: str, start: int, end: int, lex: Lexicon) -> tuple[int, int]:
    """Return the range without the white space, bullets, commas, semicolons and dangling conjunction at its ends."""
    front = _EDGE_FRONT.match(text, start, end)
    if front is not None and front.end() > start:
        dot = front.end() > start and text[front.end() - 1] == "." and text[front.end() : front.end() + 2].isupper()
        start = front.end() - dot  # .NET
    while end > start:
        while end > start and (text[end - 1].isspace() or text[end - 1] in ",;:：|_•·*-–—"):
            end -= 1
        last = text[max(start, end - 12) : end].rsplit(None, 1)
        if len(last) == 2 and last[1].lower() in lex.joints:
            end -= len(last[1])
            continue
        break
    return start, end


def _clean(text: str) -> str:
    text = " ".join(text.split())
    if not text.isprintable():
        text = " ".join(_INVISIBLE.sub("", text).split())
    return text


# ---- sentences --------------------------------------------------------------------------------------------------------


@cache
def _pipeline(language: str) -> Language:
    """Return a blank spaCy pipeline of `language` with our sentence rules; made at the first call."""
    import spacy
    from spacy.util import registry

    name = "tagger_sentences"
    if not registry.has("factories", name) and not spacy.Language.has_factory(name):

        @spacy.Language.factory(name)
        def make(nlp: Language, name: str) -> Callable[[Doc], Doc]:
            return _SentenceRules(lexicon(nlp.lang))

    try:
        nlp = spacy.blank(language)
    except ImportError:
        nlp = spacy.blank("xx")
    nlp.add_pipe("sentencizer", config={"punct_chars": [".", "!", "?", "…", "。", "؟"]})
    nlp.add_pipe(name)
    nlp.max_length = 10**9
    return nlp


class _SentenceRules:
    """Pipeline component: takes back the sentence starts after abbreviations, numbers and initials."""

    def __init__(self, lex: Lexicon) -> None:
        self.lex = lex

    def __call__(self, doc: Doc) -> Doc:
        lex = self.lex
        for token in doc:
            if token.i < 2 or not token.is_sent_start:
                continue
            stop = doc[token.i - 1]
            word = doc[token.i - 2].lower_ if stop.text in ".…" else stop.lower_.rstrip(".")
            first = token.text[:1]
            if (
                first.islower()
                or not (first.isalnum() or first in "\"'“‘([.¿¡")
                or word in lex.abbreviations
                or (word in lex.before_number and token.like_num)
                or (word in lex.soft_abbreviations and not token.text[:1].isupper())
                or (len(word) == 1 and word.isalpha() and stop.text != "?" and doc[token.i - 2].text.isupper())
                or (stop.text == "." and token.idx == stop.idx + 1 and not first.isupper())
            ):
                token.is_sent_start = False
        return doc


_MAYBE_END = re.compile(r"[.!?…。؟][\"'”’)\]]*\s*(?=\S)")
_CHUNK = 20_000


def _sentences(text: str, start: int, end: int, lex: Lexicon) -> list[tuple[int, int]]:
    """Return the ranges of the sentences of ``text[start:end]``, which together cover it."""
    if _MAYBE_END.search(text, start, end) is None:
        return [(start, end)]
    doc = _pipeline(lex.language)(text[start:end])
    starts = [start + sent.start_char for sent in doc.sents]
    starts[0] = start
    return list(zip(starts, [*starts[1:], end], strict=True))


_GLUED = re.compile(r"(?<![^\W_])([a-z]{4,}|[0-9]{4})(?=[A-Z][a-z])")


def split_sentences(cell: str, language: str = "en") -> list[Span]:
    """Split description prose into sentences that can be read as outcome-like statements.

    Sentences of fewer than three words, addresses, and sentences that only run the course (timetable, prerequisites, how to
    enrol) are left out; learner lead-ins are stripped.

    Examples
    --------
    >>> [s.text for s in split_sentences("We study frameworks.Students will compare them. See timetable.")]
    ['We study frameworks.', 'compare them.']
    """
    lex = lexicon(language)
    plain = plain_text(cell)
    text = plain.text
    spans: list[Span] = []
    for item in _items(text, lex, lambda start, end, reason: None):
        begin = item.start
        cuts = [m.end() for m in _GLUED.finditer(text, item.start, item.end)]
        for cut in [*cuts, item.end]:
            for start, end in _sentences(text, begin, cut, lex):
                span = _statement(text, start, end, lex)
                if span is not None:
                    spans.append(Span(*plain.raw(*span), _clean(text[span[0] : span[1]])))
            begin = cut
    return spans


def _statement(text: str, start: int, end: int, lex: Lexicon) -> tuple[int, int] | None:
    start, end = _trim(text, start, end, lex)
    prefix = lex.prefix.match(text, start, end)
    if prefix is not None:
        start = prefix.end()
    sentence = text[start:end]
    if start >= end or _is_heading(sentence, lex) or _is_debris(sentence, lex) or _is_administrative(sentence, lex):
        return None
    begin, end = _trim(text, _lead_in(text, start, end, lex), end, lex)
    if begin >= end or len(_first_words(_ADDRESS.sub("", sentence), 0, len(sentence))) < 3:
        return None
    return begin, end


@cache
def _administrative(language: str) -> Any:
    phrases = lexicon(language).administrative
    return re.compile(r"\b(?:" + "|".join(re.escape(p) for p in phrases) + r")\b", re.IGNORECASE) if phrases else None


def _is_administrative(sentence: str, lex: Lexicon) -> bool:
    pattern = _administrative(lex.language)
    return pattern is not None and pattern.search(sentence) is not None


# ---- boilerplate and verbs ----------------------------------------------------------------------------------------------


def strip_boilerplate(text: str, language: str = "en") -> tuple[int, int]:
    """Return start and end of the part of an outcome that says what is learnt.

    Left out: the learner and modal ("On completion, learners will be able to"), and a tail that only names the course ("by the
    end of this module"). "Demonstrate an understanding of" stays: the verb matters.

    Examples
    --------
    >>> text = "On completion, learners will be able to plan audits by the end of this module."
    >>> start, end = strip_boilerplate(text)
    >>> text[start:end]
    'plan audits'
    """
    lex = lexicon(language)
    start, end = _trim(text, 0, len(text), lex)
    start = _lead_in(text, start, end, lex)
    window = max(start, end - 120)
    match = lex.tail.search(text[window:end])
    if match is not None and _ALNUM.search(text, start, window + match.start()):
        end = _trim(text, start, window + match.start(), lex)[1]
    return (start, end) if _ALNUM.search(text, start, end) else (0, len(text))


def lemma(word: str, language: str = "en") -> str:
    """Return the base form of a verb, in British spelling, or of the verb that a noun stands for; else the word in lower case.

    Examples
    --------
    >>> lemma("Analyzing"), lemma("understanding"), lemma("mitochondria")
    ('analyse', 'understand', 'mitochondria')
    """
    lex = lexicon(language)
    low = word.lower()
    if low in lex.nominal:
        return lex.nominal[low]
    return lex.forms[low][0] if low in lex.forms else low


def verb_levels(lemma: str, language: str = "en") -> tuple[str, ...]:
    """Return the levels of the revised Bloom taxonomy that a verb may signal, lowest first: a weak prior, often more than one.

    Examples
    --------
    >>> verb_levels("design")
    ('create',)
    >>> verb_levels("have")
    ()
    """
    return lexicon(language).levels.get(lemma, ())


def action_verbs(text: str, language: str = "en") -> list[Span]:
    """Return the verbs of the acts that an outcome asks for, as written, with offsets into `text`.

    The leading verb after lead-in and adverbs, verbs coordinated with it, and the verbs of later clauses of the same form. A noun
    that stands for a verb counts where it carries the outcome ("An understanding of …"); an act inside the object does not
    ("use data to inform decisions" gives "use").

    Examples
    --------
    >>> [v.text for v in action_verbs("Critically evaluate and report findings, and design a pilot study")]
    ['evaluate', 'report', 'design']
    """
    lex = lexicon(language)
    start, end = strip_boilerplate(text, language)
    return _verbs(text, start, end, lex)


def _verbs(text: str, start: int, end: int, lex: Lexicon) -> list[Span]:
    tokens = [Span(m.start(), m.end(), m.group()) for m in _WORD.finditer(text, start, end)]
    lows = [token.text.lower() for token in tokens] + [""]
    found: list[int] = []
    kind = ""  # the form that all the acts of one outcome share
    expecting, enabled, embedded = True, False, False  # at a clause's start; after "ability to"; inside the object
    chained = True  # nothing but adverbs and conjunctions since the last act
    other = -9  # last verb that is none of the acts
    for n, token in enumerate(tokens):
        word, following = lows[n], lows[n + 1]
        gap = text[tokens[n - 1].end : token.start] if n else ""
        if any(mark in gap for mark in ";.:"):
            expecting, embedded = True, False
        elif "," in gap or "&" in gap:
            expecting = True
            embedded = embedded and not (n - other > 2 and word in lex.conjunctions)
        if word in lex.conjunctions:
            expecting = True
            continue
        if word == lex.infinitive and n and lows[n - 1] in lex.ability:
            expecting = enabled = True
            embedded = False
            continue
        if (expecting or enabled) and _is_adverb(word, lex):
            continue
        lemma, form = lex.forms.get(word, ("", ""))
        if n and word in lex.embedding:
            embedded, expecting, enabled, chained, other = True, False, False, False, n
            continue
        if word in lex.nominal:
            carried = not found and n <= 3 or bool(found) and n - found[-1] <= 4 and lex.forms[lows[found[-1]]][0] in lex.light
            if carried and not embedded and following in lex.carrying:
                found.append(n)
        elif lemma and form != "past" and not embedded:
            plain = word not in lex.ambiguous or following in lex.determiners or following in lex.nominal
            if not found:
                opens = all(_is_adverb(low, lex) or low in lex.ability for low in lows[:n])
                act = opens or enabled or (form == "base" and plain and lows[n - 1] not in lex.determiners)
            else:
                act = expecting and form == kind and other != n - 2 and (plain or enabled or chained)
            if act:
                found.append(n)
                kind, chained, expecting, enabled = form, True, False, False
                continue
            other = n if form == "base" else other
        expecting = enabled = chained = False
    return [tokens[n] for n in found]
