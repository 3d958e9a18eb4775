"""What a stretch of text is (heading, debris, lead-in, act); its words, boilerplate and assessed acts."""

from __future__ import annotations

import re
from itertools import pairwise
from typing import NamedTuple

from tagger.lexicon import Lexicon, lexicon

__all__ = [
    "ADDRESS",
    "ALNUM",
    "BULLETS",
    "DASHES",
    "WORD",
    "Span",
    "action_verbs",
    "begins",
    "clean",
    "first_words",
    "is_adverb",
    "is_debris",
    "is_heading",
    "is_hollow",
    "is_title",
    "lead_in_end",
    "leads",
    "lemma",
    "may_lead",
    "opens",
    "strip_boilerplate",
    "trim",
    "verb_levels",
    "words",
]

BULLETS = "•●○◦‣⁃▪▫■□◆◇▶►▸➢➤➔→✓✔✗∙⋅\uf0b7\uf0a7\uf0d8\uf0fc\uf02d\uf06f\uf0a8\u2610\u2611\u25fe\u25aa\ufffd"
DASHES = r"\-–—−‐‑"
ALNUM = re.compile(r"[^\W_]")
_LETTER = re.compile(r"[^\W\d_]")
ADDRESS = re.compile(r"(?:https?://|www\.)\S+|(?<![\w.+-])[\w.+-]{1,64}@[\w-]+(?:\.[\w-]+)+|\[email\]", re.IGNORECASE)
_EDGE_FRONT = re.compile(rf"[\s{BULLETS}·*,;:.!?_=~|>\]){DASHES}¿§]*")


class Span(NamedTuple):
    """A stretch ``raw[start:end]`` of a raw text; `text` is it without mark-up, white space folded."""

    start: int
    end: int
    text: str


WORD = re.compile(r"[^\W_]+(?:['’.\-][^\W_]+)*(?:\+\+|#)?")


_new = tuple.__new__  # half the cost of Span(…), and every outcome passes here


def words(text: str) -> list[Span]:
    """Return the word tokens of `text` with offsets; hyphens and apostrophes inside a word belong to it.

    Examples
    --------
    >>> [w.text for w in words("Assess life-cycle costs in C++.")]
    ['Assess', 'life-cycle', 'costs', 'in', 'C++']
    """
    return [_new(Span, (m.start(), m.end(), m[0])) for m in WORD.finditer(text)]


def is_heading(text: str, lex: Lexicon) -> bool:
    """Tell whether a line only announces what follows: "Knowledge and understanding", "Part II"."""
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


def is_debris(text: str, lex: Lexicon) -> bool:
    """Tell whether a line says nothing: a number, "N/A", an address, a page footer."""
    text = text.strip(" \t\u00a0.:;,-–*()[]")
    if len(text) < 2 or not _LETTER.search(text):
        return True
    if len(text) <= 120 and lex.debris.fullmatch(text):
        return True
    return ("@" in text or "//" in text or "www" in text or "[" in text) and not ALNUM.search(ADDRESS.sub("", text))


def is_hollow(text: str, lex: Lexicon) -> bool:
    """Tell whether a text stops before it says anything: "demonstrate the ability to", "know how"."""
    text = text.strip(" \t\u00a0.:;,-–*()[]…")
    return 0 < len(text) <= 120 and lex.hollow.fullmatch(" ".join(text.split())) is not None


def is_title(text: str, start: int, end: int, lex: Lexicon) -> bool:
    """Tell whether ``text[start:end]`` is a capitalised name of two to eight words that opens with no verb."""
    if end - start > 80 or text[start : start + 1].islower() or text[end - 1 : end] in ".;:?!,":
        return False
    names = WORD.findall(text, start, end)
    joining = lex.heading_fillers | lex.dangling | lex.joints
    capital = [name for name in names if name.lower() not in joining]
    return (
        2 <= len(names) <= 8
        and len(capital) >= 2
        and all(name[0].isupper() for name in capital)
        and not any(lex.forms.get(name.lower(), ("", ""))[1] == "base" for name in capital)
        and not any(name.lower() in lex.finite for name in names)
        and lead_in_end(text, start, end, lex) == start
    )


def is_adverb(word: str, lex: Lexicon) -> bool:
    """Tell whether a word in lower case may stand before the verb."""
    return word in lex.adverbs or (
        len(word) > 4 and bool(lex.adverb_ending) and word.endswith(lex.adverb_ending) and word not in lex.forms
    )


def leads(text: str, start: int, end: int, lex: Lexicon, *, strict: bool = False) -> bool:
    """Tell whether ``text[start:end]`` opens with an act: adverbs, then a verb, or a noun that stands for one.

    With `strict`, only a verb in its base form that could hardly be a noun there.
    """
    tokens = first_words(text, start, min(end, start + 160))
    word = ""
    for n, token in enumerate(tokens):
        word = token.lower()
        if n < 5 and is_adverb(word, lex):
            continue
        form = lex.forms.get(word)
        if form is not None and form[1] in ("base", "participle") and word not in lex.nominal:
            if not strict or word not in lex.ambiguous:
                return not strict or form[1] == "base"
            return n + 1 < len(tokens) and tokens[n + 1].lower() in lex.determiners
        break
    return not strict and word in lex.nominal


def opens(text: str, start: int, end: int, lex: Lexicon, *, strict: bool) -> bool:
    """As `leads`, after a lead-in, and also "a sound understanding of" and "ability to"."""
    start = lead_in_end(text, start, end, lex)
    if leads(text, start, end, lex, strict=strict):
        return True
    opening = [word.lower() for word in first_words(text, start, min(end, start + 80))]
    return any(
        (word in lex.nominal and after in lex.carrying) or (word in lex.ability and after == lex.infinitive)
        for word, after in pairwise(opening[:6])
    )


def may_lead(text: str, start: int, end: int, lex: Lexicon, *, strict: bool = False) -> bool:
    """Tell whether ``text[start:end]`` might open with a verb that no list knows: "harvest crops".

    With `strict`, only where a determiner follows: "Size a battery bank".
    """
    opening = [word.lower() for word in first_words(text, start, min(end, start + 80))]
    if len(opening) < 2 or not text[start].isalpha() or not opening[0].isalpha():
        return False
    first, after = opening[:2]
    closed = lex.determiners | lex.dangling | lex.joints | lex.conjunctions | lex.finite | lex.adverbs | lex.embedding
    if first in closed or first in lex.nominal or first in lex.ability or lex.unlike_verb.fullmatch(first):
        return False
    if first in lex.forms and lex.forms[first][1] != "base":
        return False
    if strict:
        return after in lex.determiners and after not in lex.joints | lex.conjunctions | lex.embedding | lex.ability
    return (
        after not in lex.joints and after not in lex.finite and (after not in lex.dangling or after in lex.determiners)
    )


def first_words(text: str, start: int, end: int) -> list[str]:
    """Return the first words, at most eight."""
    return [m.group() for m, _ in zip(WORD.finditer(text, start, end), range(8), strict=False)]


def lead_in_end(text: str, start: int, end: int, lex: Lexicon) -> int:
    """Return where the lead-in that opens ``text[start:end]`` ends; `start` if there is none."""
    at = start
    for _ in range(4):
        head = text[at : min(end, at + 400)]
        match = lex.lead_in.match(head) or lex.course.match(head)
        if match is not None and (match.re is lex.course or match["bare"]) and not _introduces(head, match, lex):
            match = None
        match = match or lex.time.match(head)
        if match is None or match.end() == 0:
            break
        at += match.end()
        while at < end and (text[at].isspace() or text[at] in ",:;…"):
            at += 1
    opening = WORD.match(text, at, end)
    if opening is not None and opening.group().lower() == lex.infinitive:
        following = WORD.search(text, opening.end(), end)
        low = following.group() if following is not None else ""
        if low[:1].islower() and following is not None and (is_adverb(low, lex) or low not in lex.determiners):
            at = opening.end()
    while at < end and text[at].isspace():
        at += 1
    return at


def begins(text: str, start: int, end: int, lex: Lexicon) -> int:
    """Return where an outcome begins in ``text[start:end]``: after its lead-in, and after a section word before an act.

    The section word is a heading and a colon: "Skills: cook meals".
    """
    at = lead_in_end(text, start, end, lex)
    colon = text.find(":", at, min(end, at + 92))
    if colon >= 0 and is_heading(text[at:colon], lex):
        after = lead_in_end(text, trim(text, colon + 1, end, lex)[0], end, lex)
        if opens(text, after, end, lex, strict=False) and len(first_words(text, after, end)) > 1:
            return after
    return at


def _introduces(head: str, match: re.Match[str], lex: Lexicon) -> bool:
    """Tell whether a lead-in without a learner is one: an act or nothing follows, or it says "able to"."""
    rest = head[match.end() :]
    return (
        not ALNUM.search(rest)
        or match.group().rstrip().endswith(":")
        or not lex.ability.isdisjoint(match.group().lower().split())
        or leads(head, match.end(), len(head), lex)
    )


def trim(text: str, start: int, end: int, lex: Lexicon) -> tuple[int, int]:
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


def clean(text: str) -> str:
    """Return `text` with white space folded."""
    return " ".join(text.split())


def strip_boilerplate(text: str, language: str = "en") -> tuple[int, int]:
    """Return start and end of the part of an outcome that says what is learnt.

    Left out: the learner and modal ("On completion, learners will be able to"), and a tail that only names the course
    ("by the end of this module"). "Demonstrate an understanding of" stays: the verb matters.

    Examples
    --------
    >>> text = "On completion, learners will be able to plan audits by the end of this module."
    >>> start, end = strip_boilerplate(text)
    >>> text[start:end]
    'plan audits'
    """
    lex = lexicon(language)
    start, end = trim(text, 0, len(text), lex)
    start = lead_in_end(text, start, end, lex)
    window = max(start, end - 120)
    match = lex.tail.search(text[window:end])
    if match is not None and ALNUM.search(text, start, window + match.start()):
        end = trim(text, start, window + match.start(), lex)[1]
    return (start, end) if ALNUM.search(text, start, end) else (0, len(text))


def lemma(word: str, language: str = "en") -> str:
    """Return the base form of a verb, in British spelling, or of the verb that a noun stands for.

    Any other word comes back in lower case.

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
    """Return the levels of the revised Bloom taxonomy that a verb may signal, lowest first.

    A weak prior, often more than one: ``remember``, ``understand``, ``apply``, ``analyse``, ``evaluate``, ``create``.
    Empty for a verb that says no level, and for an unknown one.

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

    The leading verb after lead-in and adverbs, verbs coordinated with it, and verbs of later clauses of the same form.
    A noun that stands for a verb counts where it carries the outcome ("An understanding of"); an act inside the object
    does not ("use data to inform decisions" gives "use").

    Examples
    --------
    >>> [v.text for v in action_verbs("Critically evaluate and report findings, and design a pilot study")]
    ['evaluate', 'report', 'design']
    """
    lex = lexicon(language)
    start, end = strip_boilerplate(text, language)
    return _verbs(text, start, end, lex)


def _verbs(text: str, start: int, end: int, lex: Lexicon) -> list[Span]:
    tokens = [Span(m.start(), m.end(), m.group()) for m in WORD.finditer(text, start, end)]
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
        if (expecting or enabled or (not found and word in lex.adverbs)) and is_adverb(word, lex):
            continue
        lemma, form = lex.forms.get(word, ("", ""))
        if n and word in lex.embedding:
            embedded, expecting, enabled, chained, other = True, False, False, False, n
            continue
        carrier = lex.carrying
        if following in lex.conjunctions and lows[n + 2 : n + 3] and lows[n + 2] in lex.nominal:
            carrier = lex.conjunctions  # "Evaluation and synthesis of"
        if word in lex.nominal and (not lemma or following in carrier):
            carried = (not found and n <= 3) or (
                bool(found)
                and (
                    (n - found[-1] <= 4 and lex.forms.get(lows[found[-1]], ("", ""))[0] in lex.light)
                    or (n - found[-1] == 2 and lows[n - 1] in lex.conjunctions and lows[n - 2] in lex.nominal)
                )
            )
            if carried and not embedded and following in carrier:
                found.append(n)
        elif lemma and form != "past" and not embedded:
            plain = word not in lex.ambiguous or following in lex.determiners or following in lex.nominal
            if not found:
                opens = all(is_adverb(low, lex) or low in lex.ability for low in lows[:n]) or (
                    form == "third" and n < 7 and _is_learner(lows[:n], lex)
                )
                fronted = lows[n - 1] not in lex.determiners or is_adverb(lows[n - 1], lex)
                act = opens or enabled or (form == "base" and plain and fronted)
            else:
                act = expecting and form == kind and other != n - 2 and (plain or enabled or chained)
                if form == "base" and kind == "participle" and found == [0] and plain and "," in gap:
                    found, act = [], True  # "Using a range of tools, model a process"
            if act:
                found.append(n)
                kind, chained, expecting, enabled = form, True, False, False
                continue
            before = lows[n - 1] if n and word in lex.ambiguous else ""  # "a survey"
            is_noun = before in lex.determiners and before not in lex.conjunctions and before not in lex.embedding
            other = n if form == "base" and not is_noun else other
        expecting = enabled = chained = False
    if not found:  # "Developed independent research skills"
        opener = next((n for n, low in enumerate(lows) if not is_adverb(low, lex)), -1)
        if lex.forms.get(lows[opener], ("", ""))[1] == "past":
            found.append(opener)
    return [tokens[n] for n in found]


def _is_learner(lows: list[str], lex: Lexicon) -> bool:
    """Tell whether the words before a verb are its subject and adverbs: "the student critically"."""
    return any(low in lex.learners for low in lows) and all(
        low in lex.learners or low in lex.determiners or is_adverb(low, lex) for low in lows
    )
