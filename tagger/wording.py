"""The wording of outcomes: what makes one harder to assess, or harder to read, and what to write instead.

Pure functions from records to findings; no model is needed. What the program knows of a language (verbs, lead-ins, ways of
talking about the course) is data in ``tagger/lexicon``. Findings say "harder to assess" or "unusual for", never "wrong":
they compare with what guides to writing outcomes advise (`NORM`), and the author decides.
"""

from __future__ import annotations

import re
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, replace
from functools import cache
from typing import TYPE_CHECKING, Any, Final

from tagger import levels
from tagger.language import looks_english, says_english
from tagger.lexicon import lexicon
from tagger.phrases import is_adverb, may_lead
from tagger.records import Credential, Finding, LearningOutcome, Level, Passage, Source
from tagger.text import Span, action_verbs, lemma, split_outcomes, strip_boilerplate, verb_levels, words

if TYPE_CHECKING:
    from tagger.encoder import FloatArray

__all__ = ["RULES", "check", "check_draft"]

RULES: Final = (
    "wording-vague-verb",
    "wording-several",
    "wording-no-verb",
    "wording-not-learner",
    "wording-long",
    "wording-duplicate",
    "wording-low-level",
)
NORM: Final = "guides to writing learning outcomes: one learner, one verb that can be assessed, one object"
SAME_WORDS: Final = 0.8
SAME_WORDS_SWAPPED: Final = 0.9
"""Share of content words in common (Jaccard) from which two outcomes with the same verbs say the same: where one has only words
of the other, and where both have words of their own."""
SAME_MEANING: Final = 0.95
"""Cosine of two sentence vectors from which two outcomes with the same verbs say the same in other words."""
LOW_LEVELS: Final = frozenset(("remember", "understand"))
HIGH_AWARD: Final = 7
"""EQF level of an award from which outcomes that all ask for remembering or understanding are unusual."""
_MIN_LOW: Final = 3
_N_EXAMPLES: Final = 3
_N_OBJECT: Final = 8
_N_SHOWN: Final = 4


@dataclass(frozen=True, slots=True)
class _Words:
    """The wording table of one language, compiled."""

    vague: Mapping[str, tuple[tuple[str, ...], tuple[str, ...]]]
    vague_words: Mapping[str, str]
    carrying: frozenset[str]
    showing: frozenset[str]
    links: frozenset[str]
    clauses: frozenset[str]
    same: frozenset[str]
    results: frozenset[str]
    particles: frozenset[str]
    empty: frozenset[str]
    about: re.Pattern[str]
    many: int
    too_many: int


@dataclass(frozen=True, slots=True)
class _Mark:
    """One place in one outcome where a rule applies."""

    rule: str
    severity: str
    outcome: LearningOutcome
    spans: tuple[tuple[int, int], ...]
    advice: str = ""
    measured: int = 1

    @property
    def passages(self) -> list[Passage]:
        return [Passage(self.outcome.id, start, end, self.outcome.text[start:end]) for start, end in self.spans]


def check(
    credential: Credential,
    vectors: FloatArray | None = None,
    bloom: Sequence[Collection[str]] | None = None,
) -> tuple[list[Finding], list[str]]:
    """Check the wording of a credential's stated outcomes.

    Parameters
    ----------
    credential : Credential
        Sentences that stand in for outcomes (``is_stated`` false) are not judged: they were never written as outcomes.
    vectors : ndarray float32 (n_outcomes, dim) or None
        Unit rows, for finding outcomes that say the same in other words; None for comparing words only.
    bloom : sequence of collections of str, or None
        For each outcome, the Bloom levels that a model read; None for reading them from the verbs.

    Returns
    -------
    findings : list of Finding
        At most one for each of `RULES`, with all outcomes that it concerns; ``evidence`` holds the words.
    not_checked : list of str

    Examples
    --------
    >>> outcomes = (LearningOutcome("A/1", "Understand how enzymes work"), LearningOutcome("A/2", "Weld two plates"))
    >>> [finding], _ = check(Credential("A", outcomes=outcomes))
    >>> finding.rule, finding.evidence[0].text
    ('wording-vague-verb', 'Understand')
    """
    stated = [(n, o) for n, o in enumerate(credential.outcomes) if o.is_stated]
    if not credential.outcomes:
        return [], ["wording: no outcomes"]
    if not stated:
        return [], ["wording: no outcomes are stated; sentences of the description are not judged"]
    language = _language(credential, [o.text for _, o in stated])
    known = None if language is None else _words(language)
    if language is None or known is None:
        named = f" (`{credential.language}`)" if credential.language else ""
        return [], [f"wording: nothing is known of how outcomes are worded in this language{named}"]
    texts = [_Text(o, language, known) for _, o in stated]
    marks = [mark for text in texts for mark in text.marks()]
    findings = [_grouped(rule, [m for m in marks if m.rule == rule], len(texts), known.many) for rule in RULES]
    kept = None if vectors is None else vectors[[n for n, _ in stated]]
    read = None if bloom is None else [bloom[n] for n, _ in stated]
    found = [*findings, _duplicates(texts, kept), _low(credential, texts, read)]
    return sorted((f for f in found if f is not None), key=lambda f: RULES.index(f.rule)), []


def check_draft(
    draft: str, *, language: str = "en", framework: str | None = None, level: str | None = None
) -> list[Finding]:
    r"""Check a draft as it stands in an editor: one outcome or several, as `tagger.text.split_outcomes` reads them.

    Parameters
    ----------
    draft : str
    language : str
        BCP 47 tag.
    framework, level : str or None
        The level of the award that the outcomes are for, as in a catalogue.

    Returns
    -------
    list of Finding
        The outcomes are numbered ``draft/1`` …; ``start`` and ``end`` of a passage are offsets **into the draft**.

    Examples
    --------
    >>> draft = "On completion, learners will be able to:\n- know the  parts of a cell"
    >>> [finding] = check_draft(draft)
    >>> draft[finding.evidence[0].start : finding.evidence[0].end]
    'know'
    """
    spans = split_outcomes(draft, language)
    outcomes = [
        LearningOutcome(f"draft/{n}", span.text, Source("draft", span.start, span.end))
        for n, span in enumerate(spans, 1)
    ]
    credential = Credential("draft", outcomes=tuple(outcomes), language=language, level=Level(framework, level))
    findings, _ = check(credential)
    by_id = {o.id: o for o in outcomes}
    return [replace(f, evidence=tuple(_in_draft(p, by_id[p.outcome], draft) for p in f.evidence)) for f in findings]


def _in_draft(passage: Passage, outcome: LearningOutcome, draft: str) -> Passage:
    """Move a passage from the outcome's text to the draft; to the whole outcome where mark-up stands between."""
    assert outcome.source is not None
    start, end = outcome.source.start, outcome.source.end
    tokens = outcome.text[: passage.end].split()
    n_before = len(outcome.text[: passage.start].split())
    at = start
    places = []
    for token in tokens:
        at = draft.find(token, at, end)
        if at < 0:
            return Passage(passage.outcome, start, end, draft[start:end])
        places.append((at, at := at + len(token)))
    first = min(n_before, len(places) - 1)
    cut = passage.start > 0 and not outcome.text[passage.start - 1].isspace()
    if cut:  # the passage begins inside a token
        first = n_before - 1
        head = outcome.text[: passage.start].split()[-1]
        start = places[first][0] + len(head)
    else:
        start = places[first][0]
    return Passage(passage.outcome, start, places[-1][1], draft[start : places[-1][1]])


class _Text:
    """An outcome with its words and acts, read once."""

    def __init__(self, outcome: LearningOutcome, language: str, known: _Words) -> None:
        self.outcome, self.language, self.known = outcome, language, known
        self.text = outcome.text
        self.start, self.end = strip_boilerplate(self.text, language)
        self.acts = action_verbs(self.text, language)
        self.words = [w for w in words(self.text) if self.start <= w.start < self.end]
        self.lows = [w.text.lower() for w in self.words]
        self.about = known.about.match(self.text)

    def marks(self) -> list[_Mark]:
        if self.about is not None:
            start, end = self.about.span()
            found = [self._mark("wording-not-learner", "amber", start, end)]
        else:
            found = [m for m in (self._vague(), self._several(), self._no_verb()) if m is not None]
        length = self._long()
        return found if length is None else [*found, length]

    def _mark(self, rule: str, severity: str, start: int, end: int, advice: str = "", measured: int = 1) -> _Mark:
        end = start + len(self.text[start:end].rstrip())
        return _Mark(rule, severity, self.outcome, ((start, end),), advice, measured)

    def vague(self, act: Span) -> str | None:
        """Return which vague verb of the table an act is; None if it is none."""
        low = act.text.lower()
        key = self.known.vague_words.get(low) or lemma(low, self.language)
        return key if key in self.known.vague else None

    def _vague(self) -> _Mark | None:
        carriers = self.known.carrying | self.known.showing
        vague = [(act, key) for act in self.acts if (key := self.vague(act)) is not None]
        others = [act for act in self.acts if self.vague(act) is None]
        if not vague or any(
            act.start > vague[0][0].start or lemma(act.text, self.language) not in carriers for act in others
        ):
            return None
        shown = any(lemma(act.text, self.language) in self.known.showing for act in others)
        last, key = vague[-1]
        start = self.acts[0].start if self.acts[0].start < vague[0][0].start else vague[0][0].start
        return self._mark("wording-vague-verb", "info" if shown else "amber", start, last.end, self._instead(last, key))

    def _instead(self, act: Span, key: str) -> str:
        """Write the outcome's object behind verbs that can be assessed."""
        rest = [w for w in self.words if w.start >= act.end]
        n = 0
        chained = lexicon(self.language).conjunctions | self.known.vague_words.keys()
        while (
            n < len(rest) - 1
            and rest[n].text.lower() in chained
            and rest[n + 1].text.lower() in (chained | self.known.links)
        ):  # "knowledge and understanding of"
            n += 1
        while n < len(rest) and n < 4 and rest[n].text.lower() in self.known.links:
            n += 1
        rest = rest[n:]
        first = rest[0].text.lower() if rest else ""
        verbs = self.known.vague[key][first in self.known.clauses]
        if not rest:
            return f"“{verbs[0]} …”"
        shown = rest[:_N_OBJECT]
        object_ = self.text[shown[0].start : shown[-1].end] + (" …" if len(rest) > _N_OBJECT else "")
        return " or ".join(f"“{verb} {object_}”" if n == 0 else f"“{verb} …”" for n, verb in enumerate(verbs[:3]))

    def _several(self) -> _Mark | None:
        own = [n for n in range(len(self.acts)) if self._has_own_object(n)]
        if len(own) < 2:
            return None
        severity = "amber" if len(own) >= 3 else "info"
        advice = "; ".join(f"“{self._clause(n)}”" for n in own[:4])
        spans = tuple((self.acts[n].start, self.acts[n].end) for n in own)
        return _Mark("wording-several", severity, self.outcome, spans, advice, len(own))

    def _object(self, n: int) -> list[Span]:
        """Return the words between an act and the next one."""
        end = self.acts[n + 1].start if n + 1 < len(self.acts) else self.end
        return [w for w in self.words if self.acts[n].end <= w.start < end]

    def _has_own_object(self, n: int) -> bool:
        """Tell whether an act has an object that belongs neither to the act after it nor to the one before."""
        lex, known = lexicon(self.language), self.known
        after = self.acts[n + 1].text.lower() if n + 1 < len(self.acts) else ""
        lows = [w.text.lower() for w in self._object(n)]
        carries = lemma(self.acts[n].text, self.language) in known.carrying | known.showing
        if after in lex.nominal and (
            carries or lex.conjunctions.isdisjoint(lows)
        ):  # "develop an understanding": one act
            return False
        if after and lows[-1:] == [lex.infinitive] and len(lows) > 1 and lows[-2] in lex.ability:  # "the ability to"
            return False
        empty = lex.conjunctions | lex.adverbs | lex.dangling | known.particles | {lex.infinitive}
        content = [w for w in lows if w not in empty and not w.endswith(lex.adverb_ending or "\0")]
        # "plan a survey and carry it out", "identify risks and assess their effect": one outcome
        points_back = lows[:1] and (
            lows[0] in known.same or (lows[0] in lex.determiners and content[:1] and content[0] in known.results)
        )
        return bool(content) and not (n and points_back)

    def _clause(self, n: int) -> str:
        found = [self.acts[n], *self._object(n)]
        cut = [w for w in found if w.text.lower() not in lexicon(self.language).conjunctions or w is not found[-1]]
        shown = cut[:6]
        return self.text[shown[0].start : shown[-1].end] + (" …" if len(cut) > 6 else "")

    def _no_verb(self) -> _Mark | None:
        if self.acts or not self.words:
            return None
        lex = lexicon(self.language)
        opener = next((w for w in self.words if not is_adverb(w.text.lower(), lex)), self.words[0])
        if may_lead(self.text, opener.start, self.end, lex) and opener.text.lower() not in self.known.empty:
            return None  # a verb that no list knows
        at = self.words.index(opener) + 1
        if self.lows[at : at + 1] and self.lows[at] in lex.conjunctions:  # "harvest and store crops"
            after = self.words[at + 1].text.lower() if at + 1 < len(self.words) else ""
            if lex.forms.get(after, ("", ""))[1] == "base" and not lex.unlike_verb.fullmatch(opener.text.lower()):
                return None
        shown = self.words[:_N_SHOWN]
        return self._mark("wording-no-verb", "amber", shown[0].start, shown[-1].end)

    def _long(self) -> _Mark | None:
        n = len(self.words)
        if n <= self.known.many:
            return None
        severity = "amber" if n > self.known.too_many else "info"
        return self._mark("wording-long", severity, self.words[self.known.many].start, self.end, measured=n)

    def content(self) -> frozenset[str]:
        acts = {(a.start, a.end) for a in self.acts}
        return frozenset(
            low
            for w, low in zip(self.words, self.lows, strict=True)
            if (w.start, w.end) not in acts and low not in self.known.empty
        )

    def verbs(self) -> frozenset[str]:
        return frozenset(lemma(a.text, self.language) for a in self.acts)


def _grouped(rule: str, marks: Sequence[_Mark], n_outcomes: int, many_words: int) -> Finding | None:
    """Return one finding for all the places where a rule applies in a credential."""
    if not marks:
        return None
    severity = "amber" if any(m.severity == "amber" for m in marks) else "info"
    outcomes = tuple(dict.fromkeys(m.outcome.id for m in marks))
    passages = tuple(p for m in marks for p in m.passages)
    words_ = ", ".join(f"“{w}”" for w in list(dict.fromkeys(p.text.lower() for p in passages))[:4])
    n = len(outcomes)
    some = "This outcome" if n == n_outcomes == 1 else f"{n} of {n_outcomes} outcomes"
    examples = "; ".join(m.advice for m in marks[:_N_EXAMPLES] if m.advice)
    measured: float | None = float(n)
    limit: float | None = None
    unit = "outcome" if n == 1 else "outcomes"
    if rule == "wording-vague-verb":
        message = f"{some} {_s(n, 'rests', 'rest')} on words that are harder to assess: {words_}."
        advice = f"Say what the learner does to show it, for example {examples}."
    elif rule == "wording-several":
        message = f"{some} {_s(n, 'asks', 'ask')} for several things at once, which are harder to assess together."
        advice = f"Consider one outcome for each, or keep the one that matters most: {examples}."
    elif rule == "wording-no-verb":
        message = f"{some} {_s(n, 'names', 'name')} a subject but not what the learner does with it: {words_}."
        advice = "Begin with a verb that can be assessed, such as “describe”, “calculate” or “design”."
    elif rule == "wording-not-learner":
        message = f"{some} {_s(n, 'tells', 'tell')} what the course does rather than what the learner can do: {words_}."
        advice = "Say what the learner can do at the end; keep the sentence for the description."
    else:
        measured, limit, unit = float(max(m.measured for m in marks)), float(many_words), "words"
        message = f"{some} {_s(n, 'is', 'are')} long to read: up to {max(m.measured for m in marks)} words."
        advice = "Keep the verb and its object; move conditions, lists and reasons to the description."
    return Finding(rule, severity, measured, limit, unit, NORM, outcomes, message, advice, passages)


def _s(n: int, one: str, many: str) -> str:
    return one if n == 1 else many


def _duplicates(texts: Sequence[_Text], vectors: FloatArray | None) -> Finding | None:
    """Find pairs of outcomes that say the same."""
    contents, verbs = [t.content() for t in texts], [t.verbs() for t in texts]
    pairs: list[tuple[int, int]] = []
    for i in range(len(texts)):
        for j in range(i + 1, len(texts)):
            if _same(texts[i], texts[j], contents[i], contents[j], verbs[i] == verbs[j]) or (
                vectors is not None and verbs[i] & verbs[j] and float(vectors[i] @ vectors[j]) >= SAME_MEANING
            ):
                pairs.append((i, j))
    if not pairs:
        return None
    rows = sorted({n for pair in pairs for n in pair})
    named = "; ".join(f"{texts[i].outcome.id} and {texts[j].outcome.id}" for i, j in pairs[:_N_EXAMPLES])
    return Finding(
        "wording-duplicate",
        "amber",
        float(len(rows)),
        None,
        "outcomes",
        f"words in common at least {SAME_WORDS:.0%}"
        + ("" if vectors is None else f", or meaning (cosine) at least {SAME_MEANING}"),
        tuple(texts[n].outcome.id for n in rows),
        f"{len(rows)} outcomes say nearly the same: {named}.",
        "Keep one of them, or say in which way they differ.",
        tuple(
            Passage(texts[n].outcome.id, texts[n].start, texts[n].end, texts[n].text[texts[n].start : texts[n].end])
            for n in rows
        ),
    )


def _same(one: _Text, other: _Text, a: frozenset[str], b: frozenset[str], same_verbs: bool) -> bool:
    if one.lows == other.lows:
        return bool(one.lows)
    if not same_verbs or min(len(a), len(b)) < 3:
        return False
    # "apply literary methods" beside "apply linguistic methods" is parallel, not the same: one word stands for another
    return len(a & b) >= (SAME_WORDS if a <= b or b <= a else SAME_WORDS_SWAPPED) * len(a | b)


def _low(credential: Credential, texts: Sequence[_Text], bloom: Sequence[Collection[str]] | None) -> Finding | None:
    """Tell whether an award of EQF level 7 or 8 asks for remembering and understanding only."""
    if len(texts) < _MIN_LOW or not isinstance(credential.level.stated, str):
        return None
    eqf = levels.to_eqf(levels.framework_of(credential), credential.level.stated)
    if eqf is None or min(eqf[0]) < HIGH_AWARD or eqf[1] == "low":
        return None
    passages = []
    for n, text in enumerate(texts):
        read = set(bloom[n]) if bloom is not None and bloom[n] else None
        for act in text.acts:
            may = set(verb_levels(lemma(act.text, text.language), text.language))
            if text.vague(act) is None and (not may or not may <= LOW_LEVELS) and read is None:
                return None
        if (read is not None and not read <= LOW_LEVELS) or not text.acts:
            return None
        passages.append(
            Passage(
                text.outcome.id,
                text.acts[0].start,
                text.acts[-1].end,
                text.text[text.acts[0].start : text.acts[-1].end],
            )
        )
    said = ", ".join(f"“{w}”" for w in list(dict.fromkeys(p.text.lower() for p in passages))[:5])
    return Finding(
        "wording-low-level",
        "amber",
        float(len(texts)),
        None,
        "outcomes",
        f"level {credential.level.stated} ({'–'.join(f'EQF {k}' for k in eqf[0])}), crosswalk confidence {eqf[1]}",
        tuple(t.outcome.id for t in texts),
        f"All {len(texts)} outcomes ask for remembering or understanding ({said}); that is unusual for EQF "
        f"{min(eqf[0])} and above.",
        "If learners analyse, judge or create something, say so in at least one outcome; otherwise compare with the "
        "level's descriptor.",
        tuple(passages),
    )


def _language(credential: Credential, texts: Sequence[str]) -> str | None:
    stated = says_english(credential.language)
    if stated is None:
        return "en" if looks_english(" ".join(texts[:8])) else None
    return "en" if stated else str(credential.language)


@cache
def _words(language: str) -> _Words | None:
    table: dict[str, Any] = lexicon(language).wording
    if not table:
        return None
    carry, about = table["carry"], table["about"]
    patterns = "|".join(p.replace(" ", r"\s+") for p in (*about["course"], *about["teacher"]))
    return _Words(
        {key: (tuple(thing), tuple(clause)) for key, (thing, clause) in table["vague"].items()},
        table["vague_words"],
        frozenset(carry["only"].split()),
        frozenset(carry["shown"].split()),
        frozenset(carry["links"]),
        frozenset(carry["clauses"]),
        frozenset(table["several"]["same"]),
        frozenset(table["several"]["results"].split()),
        frozenset(table["several"]["particles"]),
        frozenset(table["empty_words"].split()),
        re.compile(f"(?:{patterns})", re.IGNORECASE),
        table["many_words"],
        table["too_many_words"],
    )
