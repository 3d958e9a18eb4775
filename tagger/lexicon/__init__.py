"""What the program knows about a language: one data file per language, read once."""

from __future__ import annotations

import re
import tomllib
from collections.abc import Iterable
from dataclasses import dataclass, replace
from functools import cache
from pathlib import Path
from typing import Any

__all__ = ["BLOOM_LEVELS", "Lexicon", "lexicon"]

BLOOM_LEVELS = ("remember", "understand", "apply", "analyse", "evaluate", "create")
_NEVER = re.compile(r"(?!)")
_TITLE = {"base": 0, "third": 1, "past": 2, "participle": 3}


@dataclass(frozen=True, slots=True)
class Lexicon:
    """Words and compiled patterns of one language.

    Attributes
    ----------
    language : str
        BCP 47 primary tag.
    forms : dict of str to (str, str)
        Inflected form, lower case, to its lemma and kind: ``base``, ``third``, ``past`` or ``participle``.
    levels : dict of str to tuple of str
        Lemma to the Bloom levels it may signal, lowest first; empty for a verb that says no level.
    nominal : dict of str to str
        Noun that stands for a verb ("understanding") to that verb.
    introducing : frozenset of str
        Verbs that occur in lead-ins ("know" in "know how to").
    lead_in, time, course, tail, debris, hollow, heading : re.Pattern
        Case-insensitive. `lead_in`, `time` and `course` match at the start, `tail` at the end, the others in full.
    asides, running, learning, stating : re.Pattern
        Sentences of a description that run the course: `asides` anywhere, `running` at the start unless `learning` is
        found. A question is kept where `stating` matches at its start.
    unlike_verb : re.Pattern
        Matches, in full, a word that by its ending is no verb in its base form ("statistical", "turbines").
    compounds : frozenset of str
        Words with a capital inside ("JavaScript"), in lower case.
    wording : dict
        What `tagger.wording` knows of the language, as it stands in the file; empty where nothing is known.
    """

    language: str
    forms: dict[str, tuple[str, str]]
    levels: dict[str, tuple[str, ...]]
    nominal: dict[str, str]
    lead_in: re.Pattern[str]
    time: re.Pattern[str]
    course: re.Pattern[str]
    tail: re.Pattern[str]
    debris: re.Pattern[str]
    hollow: re.Pattern[str]
    heading: re.Pattern[str]
    asides: re.Pattern[str]
    running: re.Pattern[str]
    learning: re.Pattern[str]
    stating: re.Pattern[str]
    hinge: re.Pattern[str]
    compounds: frozenset[str]
    prefix: re.Pattern[str]
    introducing: frozenset[str]
    infinitive: str
    heading_heads: frozenset[str]
    heading_fillers: frozenset[str]
    ambiguous: frozenset[str]
    unlike_verb: re.Pattern[str]
    adverbs: frozenset[str]
    adverb_ending: str
    determiners: frozenset[str]
    embedding: frozenset[str]
    finite: frozenset[str]
    ability: frozenset[str]
    learners: frozenset[str]
    light: frozenset[str]
    carrying: frozenset[str]
    joints: frozenset[str]
    conjunctions: frozenset[str]
    dangling: frozenset[str]
    leaning: frozenset[str]
    abbreviations: frozenset[str]
    soft_abbreviations: frozenset[str]
    before_number: frozenset[str]
    administrative: tuple[str, ...]
    wording: dict[str, Any]


def lexicon(language: str = "en") -> Lexicon:
    """Return the lexicon of `language` (a BCP 47 tag; the region is ignored).

    A language without a data file, or what is no language tag at all ("sv/en"), gets an empty lexicon: lists are still
    split by their bullets, numbers and line breaks, but no lead-in, heading or verb is known.
    """
    tag = re.split(r"[-_]", language.lower(), maxsplit=1)[0]
    if re.fullmatch(r"[a-z]{2,3}", tag) and tag in _known():
        return _read(tag)
    return replace(_empty(), language=tag if re.fullmatch(r"[a-z]{2,3}", tag) else "und")


@cache
def _known() -> frozenset[str]:
    return frozenset(path.stem for path in Path(__file__).parent.glob("*.toml"))


@cache
def _read(tag: str) -> Lexicon:
    with Path(__file__).with_name(f"{tag}.toml").open("rb") as file:
        return _build(tag, tomllib.load(file))


@cache
def _empty() -> Lexicon:
    return _build("", {})


def _build(tag: str, data: dict[str, Any]) -> Lexicon:
    lead, headings, debris = data.get("lead_in", {}), data.get("headings", {}), data.get("debris", {})
    sentences, grammar = data.get("sentences", {}), data.get("grammar", {})
    verbs = {level: block.split() for level, block in data.get("verbs", {}).items()}
    lemmas = dict.fromkeys(verb for block in verbs.values() for verb in block)
    levels = {v: tuple(level for level in BLOOM_LEVELS if v in set(verbs.get(level, ()))) for v in lemmas}
    forms = _forms(lemmas, data)
    time, lead_in = _lead_ins(lead)
    prose = data.get("description", {})

    def described(key: str) -> re.Pattern[str]:
        patterns = prose.get(key, ())
        return _any(_named([patterns] if isinstance(patterns, str) else patterns, prose.get("parts", {})))

    return Lexicon(
        language=tag,
        forms=forms,
        levels=levels,
        nominal=data.get("nominal", {}),
        lead_in=lead_in,
        time=time,
        course=_any(lead.get("course", ()), r"\s*:?\s*"),
        tail=_any(lead.get("tail", ()), r"(?=[\s.;,]*$)"),
        debris=_any(debris.get("patterns", ())),
        hollow=_any(debris.get("hollow", ())),
        heading=_any(headings.get("patterns", ())),
        asides=_any([rf"\b(?:{p})" for p in _named(prose.get("asides", ()), prose.get("parts", {}))]),
        running=described("running"),
        learning=described("learning"),
        stating=described("stating"),
        hinge=_any([sentences["hinges"]] if "hinges" in sentences else []),
        compounds=frozenset(debris.get("compounds", "").split()),
        prefix=_prefix(headings.get("prefixes", ())),
        introducing=frozenset(forms).intersection(re.findall(r"\w+", " ".join(map(str, lead.values())))),
        infinitive=lead.get("infinitive", ""),
        heading_heads=frozenset(headings.get("heads", ())),
        heading_fillers=frozenset(headings.get("fillers", ())),
        ambiguous=frozenset(data.get("ambiguous", {}).get("words", "").split()),
        unlike_verb=_any([grammar["unlike_verb"]] if "unlike_verb" in grammar else []),
        adverbs=frozenset(grammar.get("adverbs", ())),
        adverb_ending=grammar.get("adverb_ending", ""),
        determiners=frozenset(grammar.get("determiners", ())),
        finite=frozenset(grammar.get("finite", ())),
        embedding=frozenset(grammar.get("embedding", ())),
        ability=frozenset(grammar.get("ability", ())),
        learners=frozenset(grammar.get("learners", ())),
        light=frozenset(grammar.get("light", ())),
        carrying=frozenset(grammar.get("carrying", ())),
        joints=frozenset(sentences.get("joints", ())),
        conjunctions=frozenset(sentences.get("conjunctions", ())),
        dangling=frozenset(sentences.get("dangling", ())),
        leaning=frozenset(sentences.get("leaning", ())),
        abbreviations=frozenset(sentences.get("abbreviations", ())),
        soft_abbreviations=frozenset(sentences.get("soft_abbreviations", ())),
        before_number=frozenset(sentences.get("before_number", ())),
        administrative=tuple(debris.get("administrative", ())),
        wording=data.get("wording", {}),
    )


def _spaced(pattern: str) -> str:
    return pattern.replace(" ?", r"\s?").replace(" ", r"\s+")


def _any(patterns: Iterable[str], after: str = "") -> re.Pattern[str]:
    alternatives = "|".join(_spaced(p) for p in patterns)
    return re.compile(f"(?:{alternatives}){after}", re.IGNORECASE) if alternatives else _NEVER


def _named(patterns: Iterable[str], parts: dict[str, str]) -> list[str]:
    """Put the named parts into patterns: ``<course>``."""
    return [re.sub(r"(?<!\?P)<(\w+)>", lambda m: parts[m[1]], pattern) for pattern in patterns]


def _prefix(prefixes: Iterable[str]) -> re.Pattern[str]:
    """Compile headings that stand before a sentence: after a colon or glued to it; several words also after a space."""
    alternatives = "|".join(
        rf"{re.escape(p)}(?:\s*:\s*|\s*(?=[A-Z]))" if " " in p else rf"{re.escape(p)}(?:\s*:\s*|(?=[A-Z]))"
        for p in prefixes
    )
    return re.compile(alternatives) if alternatives else _NEVER


def _lead_ins(lead: dict[str, Any]) -> tuple[re.Pattern[str], re.Pattern[str]]:
    """Compile "time" alone, and "time? learner modal*". Every repetition is bounded, so a match costs constant time."""
    if not lead:
        return _NEVER, _NEVER

    def either(key: str) -> str:
        return "(?:" + "|".join(_spaced(p) for p in lead[key]) + ")"

    time = rf"{either('time')}(?:\s+(?!{either('learner')}\b|{lead.get('not_in_time', '(?!)')}\b)[^\s,:;.]+){{0,12}}?"
    learner = rf"{either('learner')}(?:\s+who\s[^,:;.]{{1,60}},?)?"
    filler = _spaced(lead.get("filler", "(?!)"))
    modal = rf"(?:{filler}(?![a-z])\s+){{0,2}}{either('modal')}(?![a-z])"
    colon = r"\s*[:：]?\s*(?:[-–—]\s+)?"
    before = rf"(?:{_spaced(lead.get('before', '(?!)'))})?"
    inner = rf"(?:\s+{modal}){{0,2}},?\s+{time}(?:,|(?=\s+{modal})|(?=\s*(?::|$)))(?:\s+{modal}){{0,4}}"
    whole = rf"(?:{time}\s*,?\s+)?{before}{learner}(?:{inner}|(?:\s+{modal}){{1,4}}(?:\s+{filler}(?![a-z]))?){colon}"
    bare = rf"(?P<bare>(?:{time}\s*,?\s+)?(?:{modal}\s*){{1,4}}){colon}"
    return (
        re.compile(rf"{time}\s*(?:,\s*|:\s*|(?=$)|(?=\s{modal}))", re.IGNORECASE),
        re.compile(rf"(?:{whole}|{bare})", re.IGNORECASE),
    )


def _forms(lemmas: Iterable[str], data: dict[str, Any]) -> dict[str, tuple[str, str]]:
    inflection, irregular = data.get("inflection", {}), data.get("irregular", {})
    doubling, both = set(inflection.get("doubling", "").split()), set(inflection.get("both", "").split())
    rules = [(re.compile(r[0]), r[1:]) for r in inflection.get("rules", ())]
    spelling = [(re.compile(old), new) for old, new in data.get("spelling", {}).items()]
    other = data.get("spelling_words", {})
    forms: dict[str, tuple[str, str]] = {}
    for verb in lemmas:
        spellings = [verb]
        spellings += [pattern.sub(new, verb) for pattern, new in spelling if new and pattern.search(verb)]
        if verb in other:
            spellings.append(other[verb])
        for base in spellings:
            forms.setdefault(base, (verb, "base"))
            stems = [base + base[-1]] if base in doubling else [base, base + base[-1]] if base in both else [base]
            for pattern, endings in rules:
                if pattern.search(base):
                    third, past, participle = (pattern.sub(e, base, count=1) for e in endings)
                    if stems != [base]:
                        past, participle = stems[-1] + "ed", stems[-1] + "ing"
                    forms.setdefault(third, (verb, "third"))
                    if verb not in irregular:
                        forms.setdefault(past, (verb, "past"))
                    forms.setdefault(participle, (verb, "participle"))
                    if base in both:
                        forms.setdefault(base + "ed", (verb, "past"))
                        forms.setdefault(base + "ing", (verb, "participle"))
                    break
        for past in irregular.get(verb, ()):
            forms.setdefault(past, (verb, "past"))
    return forms
