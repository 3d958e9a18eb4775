"""Text of a catalogue cell to outcomes and sentences, with offsets; words, and the verbs of the assessed acts.

The words of a language (lead-ins, headings, verbs) are data in ``tagger/lexicon``; spaCy (a blank pipeline with our own
rules, no model) finds the sentences. Every function takes time linear in the length of its text.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator
from functools import cache
from typing import TYPE_CHECKING, NamedTuple

from tagger.items import Item, items_of, unquoted
from tagger.lexicon import Lexicon, lexicon
from tagger.markup import plain_text
from tagger.phrases import (
    ALNUM,
    BULLETS,
    WORD,
    Span,
    action_verbs,
    begins,
    clean,
    first_words,
    is_adverb,
    is_debris,
    is_heading,
    is_hollow,
    is_title,
    lead_in_end,
    leads,
    lemma,
    may_lead,
    opens,
    strip_boilerplate,
    trim,
    verb_levels,
    words,
)
from tagger.prose import glued, second_statement, statement

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

_AMPERSAND = re.compile("&")
_SEMICOLON = re.compile(r";\s*")


class Dropped(NamedTuple):
    """A stretch of a raw cell that is part of no outcome, and why.

    Attributes
    ----------
    start, end : int
        Offsets into the raw cell.
    reason : str
        ``marker`` (bullet, number), ``lead-in``, ``heading``, ``debris`` or ``tail`` (closing punctuation, "and").
    """

    # A stretch may lie inside the range of an outcome: a marker between the parts of a nested list.

    start: int
    end: int
    reason: str


_Drop = Callable[[int, int, str], None]


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
        In order, not overlapping, with offsets into `cell`. Lead-ins, headings and numbering are left out; `text` is
        never empty, and splitting it again gives it back.

    Examples
    --------
    >>> [s.text for s in split_outcomes("Learners will be able to: 1. analyse risk; 2. design controls.")]
    ['analyse risk', 'design controls.']
    """
    return split_outcomes_and_rest(cell, language)[0]


def split_outcomes_and_rest(cell: str, language: str = "en") -> tuple[list[Span], list[Dropped]]:
    """Return the outcomes of `cell` and what was left out of them, with the reason.

    Together they hold every letter and digit of the cell outside its mark-up.
    """
    lex = lexicon(language)
    plain = unquoted(plain_text(cell))
    text = plain.text
    dropped: list[tuple[int, int, str]] = []

    def drop(start: int, end: int, reason: str) -> None:
        if end > start:
            dropped.append((start, end, reason))

    spans: list[Span] = []
    for start, end, inner in _outcomes(text, lex, drop):
        cleaned = clean(text[start:end]) if inner is None else inner
        at = start
        for first, last, settled in _settle(text, start, end, cleaned, lex, drop):
            spans.append(Span(*plain.raw(first, last), settled))
            if inner is not None:  # markers between the parts of a nested list
                drop(at, first, "marker")
                at = last
        if inner is not None:
            drop(at, end, "marker")
    return spans, [Dropped(*plain.raw(s, e), why) for s, e, why in sorted(dropped) if text[s:e].strip()]


_CUTTABLE = re.compile(
    r"^\w{1,5}[.)\]]|^\W*\w{0,12}\W?\d|^\w\b"
    rf"|[;:|\u2026*·¿–—{BULLETS}]|[.!?]\W*\w|-\s|\bo\s|[a-z][A-Z][a-z]|\d\.|(?:(?<=[\s(\[]\w)|(?<=[\s(\[]\w\w))[)\]]"
)


def _settle(
    text: str, start: int, end: int, cleaned: str, lex: Lexicon, drop: _Drop, depth: int = 6
) -> Iterator[tuple[int, int, str]]:
    """Split the text of an outcome again until it stays as it is: what stands alone must read the same everywhere."""
    if not cleaned:
        return
    if depth == 0 or _stands(cleaned, lex):
        yield start, end, cleaned
        return
    dropped: list[tuple[int, int, str]] = []
    again = list(_outcomes(cleaned, lex, lambda s, e, why: dropped.append((s, e, why)) if e > s else None))
    texts = [clean(cleaned[s:e]) if inner is None else inner for s, e, inner in again]
    if texts == [cleaned]:
        yield start, end, cleaned
        return
    at = _positions(cleaned, text, start, end)
    for s, e, why in dropped:
        drop(at[s], at[e - 1] + 1, why)
    for (s, e, _), piece in zip(again, texts, strict=True):
        yield from _settle(text, at[s], at[e - 1] + 1, piece, lex, drop, depth - 1)


def _stands(cleaned: str, lex: Lexicon) -> bool:
    """Tell by a glance that splitting this text again gives it back; False when in doubt."""
    if _CUTTABLE.search(cleaned) is not None or not cleaned[0].isalpha() or " " not in cleaned:
        return False
    first = WORD.match(cleaned)
    word = first.group().lower() if first is not None else ""
    if word in lex.light or word in lex.adverbs or word in lex.joints or word == lex.infinitive:
        return False
    act = word in lex.forms and lex.forms[word][1] == "base" and word not in lex.introducing
    return act or lead_in_end(cleaned, 0, len(cleaned), lex) == 0


def _positions(cleaned: str, text: str, start: int, end: int) -> list[int]:
    """Return for each character of `cleaned` where it stands in ``text[start:end]``."""
    positions: list[int] = []
    for character in cleaned:
        found = text.find(character, start, end) if character.isalnum() else start
        start = min(end - 1, max(found, start))
        positions.append(start)
        start += character.isalnum() or text[start] == character
    return [min(position, end - 1) for position in positions]


def _outcomes(text: str, lex: Lexicon, drop: _Drop) -> Iterator[tuple[int, int, str | None]]:
    items = items_of(text, lex, drop)
    titles = _titles(items, text, lex)
    at = 0
    while at < len(items):
        item = items[at]
        at += 1
        start, end = trim(text, item.start, item.end, lex)
        drop(item.start, start, "marker")
        drop(end, item.end, "tail")
        if start >= end:
            continue
        stated = lead_in_end(text, start, end, lex)
        if end - stated < 20 and text[stated:end].strip().lower() in lex.light:
            drop(start, end, "lead-in")
            continue
        colon = text[start : item.end].rstrip().endswith((":", "：", ":-", ":–"))
        if stated >= end or not ALNUM.search(text, stated, end):
            drop(start, end, "lead-in")
            continue
        whole = text[start:end]
        if at - 1 in titles or is_heading(whole, lex):
            drop(start, end, "heading")
            continue
        if is_debris(whole, lex):
            drop(start, end, "debris")
            continue
        if colon:
            children = _children(items, at, text, lex)
            if children and leads(text, stated, end, lex):
                short = len(first_words(text, stated, end)) < 3
                if not short and not any(opens(text, c.start, c.end, lex, strict=c.style == "") for c in children):
                    drop(start, stated, "lead-in")
                    last = trim(text, children[-1].start, children[-1].end, lex)[1]
                    drop(last, children[-1].end, "tail")
                    parts = [clean(text[c.start : c.end]).strip(" ;,.") for c in children]
                    yield stated, last, f"{clean(text[stated:end])}: {'; '.join(p for p in parts if p)}"
                    at += len(children)
                    continue
                drop(start, end, "lead-in")
                continue
            if children and len(WORD.findall(whole)) <= 15 and not leads(text, stated, end, lex):
                drop(start, end, "heading")
                continue
        if is_hollow(text[stated:end], lex):
            drop(start, end, "lead-in")
            continue
        for piece_start, piece_end in _pieces(text, start, end, lex):
            alone = piece_start == start and piece_end == end
            first = begins(text, piece_start, piece_end, lex)
            begin, finish = trim(text, first, piece_end, lex)
            joint = WORD.match(text, begin, finish) or _AMPERSAND.match(text, begin, finish)
            if joint is not None and joint.group().lower() in lex.joints:
                begin, finish = trim(text, begins(text, joint.end(), finish, lex), finish, lex)
            if begin >= finish:
                drop(piece_start, piece_end, "lead-in")
                continue
            if not (alone and begin == start) and (
                is_heading(text[begin:finish], lex) or is_debris(text[begin:finish], lex)
            ):
                drop(piece_start, piece_end, "heading")
                continue
            if is_hollow(text[begin:finish], lex):
                drop(piece_start, piece_end, "lead-in")
                continue
            drop(piece_start, begin, "lead-in")
            drop(finish, piece_end, "tail")
            yield begin, finish, None


def _titles(items: list[Item], text: str, lex: Lexicon) -> set[int]:
    """Return which items are titles of a part: capitalised names without a verb in a cell of verb-led outcomes."""
    named = {
        n for n, i in enumerate(items[:-1]) if not i.style and is_title(text, *trim(text, i.start, i.end, lex), lex)
    }
    if not named:
        return named
    acts = {n for n, i in enumerate(items) if opens(text, trim(text, i.start, i.end, lex)[0], i.end, lex, strict=False)}
    if len(acts) < max(3, 2 * len(named)) or len(acts | named) < len(items):
        return set()
    return {n for n in named if n + 1 in acts}


def _children(items: list[Item], at: int, text: str, lex: Lexicon) -> list[Item]:
    """Return the items that hang under the item before `at`, which ends in a colon."""
    parent = items[at - 1]
    children: list[Item] = []
    for item in items[at:]:
        if children:
            if item.style.lstrip("+") != children[0].style.lstrip("+") or item.indent < children[0].indent:
                break
        elif item.style.lstrip("+") == parent.style.lstrip("+") and item.indent <= parent.indent and item.style:
            break
        if not item.style and children and (item.after_blank or leads(text, item.start, item.end, lex)):
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
        if pieces and is_heading(text[slice(*pieces[-1])], lex):
            pieces.extend(parts)
            continue
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

    def opening(part: tuple[int, int]) -> int:
        at = part[0]
        first = WORD.search(text, at, part[1])
        if first is not None and first.group().lower() in lex.conjunctions:
            at = first.end()
        return begins(text, trim(text, at, part[1], lex)[0], part[1], lex)

    def acts(part: tuple[int, int], strict: bool) -> bool:
        at = opening(part)
        return leads(text, at, part[1], lex, strict=strict) and len(first_words(text, at, part[1])) > 1

    def same_form() -> bool:
        openings = [first_words(text, opening(part), part[1])[0].lower() for part in bounds]
        return len({lex.forms[word][1] == "participle" for word in openings if word in lex.forms}) == 1

    loose = [acts(part, False) for part in bounds]
    later = any(acts(part, True) for part in bounds[1:])
    maybe = [act or may_lead(text, opening(part), part[1], lex) for part, act in zip(bounds, loose, strict=True)]
    sure = [
        act or may_lead(text, opening(part), part[1], lex, strict=True) for part, act in zip(bounds, loose, strict=True)
    ]
    most = sum(sure) * 2 > len(bounds) - (later and len(bounds) == 2) and ":" not in text[opening(bounds[0]) : stops[0]]
    if not (loose[0] and later) and not (most and all(maybe) and same_form()):
        return [(start, end)]  # "explain the role of: design work; research methods"
    parts = [bounds[0]]
    for part, act, may in zip(bounds[1:], loose[1:], maybe[1:], strict=True):
        if act or (most and may):
            parts.append(part)
        else:
            parts[-1] = (parts[-1][0], part[1])
    return parts


def _stands_alone(text: str, before: tuple[int, int], piece: tuple[int, int], lex: Lexicon) -> bool:
    """Tell whether the sentence `piece` is an outcome of its own, or belongs to the one before it."""
    start, end = piece
    begin = begins(text, start, end, lex)
    if begin > lead_in_end(text, start, end, lex):
        return True
    if begin > start and leads(text, begin, end, lex):
        return True
    opening = [word.lower() for word in first_words(text, begin, end)]
    if leads(text, begin, end, lex) and len(opening) > 1:
        verb = next((word for word in opening if not is_adverb(word, lex)), "")
        kind = lex.forms[verb][1] if verb in lex.forms and verb not in lex.nominal else "base"
        if leads(text, begin, end, lex, strict=True) or (kind == "base" and lex.finite.isdisjoint(opening[:6])):
            return True
    first = WORD.search(text, start, end)
    if first is None or first.group().lower() in lex.leaning:
        return False
    prior = lead_in_end(text, *before, lex)
    if leads(text, prior, before[1], lex):
        return False
    return min(len(first_words(text, start, end)), len(first_words(text, *before))) >= 5


@cache
def _pipeline(language: str) -> Language:
    """Return a blank spaCy pipeline of `language` with our sentence rules; made at the first call."""
    import spacy
    from spacy.language import Language

    name = "tagger_sentences"
    if not Language.has_factory(name):

        @Language.factory(name)
        def make(nlp: Language, name: str) -> Callable[[Doc], Doc]:
            return _SentenceRules(lexicon(nlp.lang or "xx"))

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
            if token.is_space:  # the sentence begins at the word after a wide gap
                token.is_sent_start = False
                if token.i + 1 < len(doc):
                    doc[token.i + 1].is_sent_start = True
                continue
            end = token.i - 1 - doc[token.i - 1].is_space
            stop, before = doc[end], doc[max(0, end - 1)]
            word = before.lower_ if stop.text in ".…" else stop.lower_.rstrip(".")
            first = token.text[:1]
            if (
                first.islower()
                or not (first.isalnum() or first in "\"'“‘([.¿¡")
                or word in lex.abbreviations
                or (word in lex.before_number and token.like_num)
                or (word in lex.soft_abbreviations and not token.text[:1].isupper())
                or (len(word) == 1 and word.isalpha() and stop.text != "?" and before.text.isupper())
                or (stop.text == "." and token.idx == stop.idx + 1 and not first.isupper())
            ):
                token.is_sent_start = False
        return doc


_MAYBE_END = re.compile(r"[.!?…。؟][\"'”’)\]]*\s*(?=\S)")


def _sentences(text: str, start: int, end: int, lex: Lexicon) -> list[tuple[int, int]]:
    """Return the ranges of the sentences of ``text[start:end]``, which together cover it."""
    if _MAYBE_END.search(text, start, end) is None:
        return [(start, end)]
    doc = _pipeline(lex.language)(text[start:end])
    starts = [start + sent.start_char for sent in doc.sents]
    starts[0] = start
    return list(zip(starts, [*starts[1:], end], strict=True))


def split_sentences(cell: str, language: str = "en") -> list[Span]:
    """Split description prose into sentences that can be read as outcome-like statements.

    Sentences of fewer than three words, addresses, questions, and sentences that only run the course (timetable,
    prerequisites, how to enrol, how it is taught and assessed) are left out; learner lead-ins are stripped.

    Examples
    --------
    >>> [s.text for s in split_sentences("We study frameworks.Students will compare them. See timetable.")]
    ['We study frameworks.', 'compare them.']
    """
    lex = lexicon(language)
    plain = plain_text(cell)
    text = plain.text
    spans: list[Span] = []
    for item in items_of(text, lex, lambda start, end, reason: None):
        begin = item.start
        for cut in [*glued(text, item.start, item.end, lex), item.end]:
            for start, end in _sentences(text, begin, cut, lex):
                second = second_statement(text, start, end, lex)
                for first, last in [(start, end)] if second is None else [(start, second), (second, end)]:
                    span = statement(text, first, last, lex)
                    if span is not None:
                        spans.append(Span(*plain.raw(*span), clean(text[span[0] : span[1]])))
            begin = cut
    return spans
