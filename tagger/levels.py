"""Levels of qualifications frameworks: what is stated, what that is in the EQF, and whether the outcomes fit it.

Frameworks are taxonomies with a crosswalk (`tagger.taxonomy.Taxonomy.crosswalk`); nothing about a framework is known
here.
"""

from __future__ import annotations

import math
import re
from collections.abc import Callable, Sequence
from functools import cache

from tagger.errors import TaxonomyError
from tagger.records import Credential, Finding, FrameworkLevel, Passage
from tagger.taxonomy import (
    Taxonomy,
    load_taxonomy,
    resolve_framework,
    resolve_jurisdiction,
    shipped_taxonomies,
    size_rules,
)

__all__ = ["Pulls", "check", "framework_of", "in_frameworks", "read_levels", "to_eqf"]

Pulls = Callable[[int, int], Sequence[tuple[float, tuple[int, int]]]]
"""Of two EQF levels: for each outcome, how much more it reads like the first than like the second (log of the ratio of the
probabilities), and where the words stand that say so."""

UNUSUAL_BELOW = 0.05
"""Probability of the stated level below which it is unusual."""
READABLE_FROM = 0.3
"""Probability that some level has to have for a mismatch to be said: below, the outcomes say nothing of level."""
_CLEAR_PULL = 0.4
"""Log ratio from which an outcome is said to pull: it is half as likely again to be of the one level."""
_N_PULLS = 3
_CONFIDENCES = ("high", "medium", "low")
_NUMBER = r"\d{1,2}(?:\.\d)?"
_JOIN = r"\s*(?P<join>-|–|—|/|,|&|\bto\b|\band\b|\bor\b)\s*"
_LEVELS = re.compile(
    rf"(?P<name>[a-z][a-z ]*?)??\s*(?P<word>levels?|lvl\.?|l)?[\s:#.]*(?P<first>{_NUMBER})"
    rf"(?:{_JOIN}(?:levels?\s*)?(?P<last>{_NUMBER}))?(?P<rest>\s*[-–—:,(].*)?"
)


def framework_of(credential: Credential) -> str | None:
    """Return the taxonomy id of the level framework a credential stands in; None if it is not known.

    The framework's own field comes first, then a framework named with the level ("FHEQ level 7"), then that of the
    jurisdiction.

    Examples
    --------
    >>> from tagger.records import Level
    >>> framework_of(Credential("x", level=Level(framework="SCQF", stated="10")))
    'scqf'
    """
    for text in (credential.level.framework, credential.level.stated):
        if isinstance(text, str) and (found := resolve_framework(text)):
            return found
    if isinstance(credential.jurisdiction, str) and (rule := resolve_jurisdiction(credential.jurisdiction)):
        return size_rules()[rule].framework
    return None


def read_levels(framework: Taxonomy, stated: str | None) -> tuple[str, ...]:
    """Return the framework's levels that a stated level means, lowest first; empty if it means none.

    A level is read from its number ("7", "Level 7", "FHEQ 7", "6-7", "7.0", "Level 7 (Master's)"), or from a label of
    the framework. Words that the framework does not define ("Postgraduate", "Stage 2") and another framework's levels
    mean none.

    Examples
    --------
    >>> read_levels(load_taxonomy("eqf"), "EQF level 6-7"), read_levels(load_taxonomy("eqf"), "Postgraduate")
    (('6', '7'), ())
    """
    if not isinstance(stated, str) or not (text := " ".join(stated.split())):
        return ()
    known = {c.level: i for i, c in enumerate(framework.concepts) if c.level is not None}
    for level in framework.crosswalk:
        known.setdefault(level, len(known))
    for exact in (text, text.casefold()):
        if exact in known:
            return (exact,)
    if (concept := framework.get(text)) is not None and concept.level is not None:
        return (concept.level,)
    match = _LEVELS.fullmatch(text.casefold())
    if match is None:
        return ()
    name, word, rest = match["name"], match["word"], match["rest"]
    if (name and resolve_framework(name) != framework.id) or (rest and not (word or name)):
        return ()
    if rest and not rest.strip().startswith("(") and re.search(r"\d", rest):
        return ()
    ends = [n.removesuffix(".0") for n in (match["first"], match["last"]) if n is not None]
    if not all(end in known for end in ends):
        return ()
    if len(ends) == 1 or ends[0] == ends[1]:
        return (ends[0],)
    order = sorted(known, key=lambda level: known[level])
    low, high = sorted(order.index(end) for end in ends)
    return tuple(order[low : high + 1]) if match["join"] in ("-", "–", "—", "to") else (order[low], order[high])


def to_eqf(framework: str | None, stated: str | None) -> tuple[tuple[int, ...], str] | None:
    """Return the EQF levels that a stated level is referenced to, and how sure the crosswalk is.

    Parameters
    ----------
    framework : str or None
        As written in a catalogue, or a taxonomy id. None if the level itself names it.
    stated : str or None

    Returns
    -------
    (tuple of int, str) or None
        Levels, lowest first, several where the framework's level spans them; confidence ``high``, ``medium`` or
        ``low``, the least of those used. None where the framework has no crosswalk or the level is none of its own.

    Examples
    --------
    >>> to_eqf("EQF", "Level 6")
    ((6,), 'high')
    >>> to_eqf("EQF", "Postgraduate") is None
    True
    """
    taxonomy = framework_named(
        next((f for t in (framework, stated) if isinstance(t, str) and (f := resolve_framework(t))), None)
    )
    if taxonomy is None:
        return None
    rows = [taxonomy.crosswalk.get(level) for level in read_levels(taxonomy, stated)]
    found = [row for row in rows if row is not None]
    if not found or len(found) < len(rows):
        return None
    confidence = max((row.confidence for row in found), key=lambda c: _CONFIDENCES.index(c) if c in _CONFIDENCES else 2)
    return tuple(sorted({level for row in found for level in row.eqf})), confidence


@cache
def in_frameworks(eqf: int) -> tuple[FrameworkLevel, ...]:
    """Return an EQF level in the language of every other shipped framework that has a crosswalk, by framework id.

    Examples
    --------
    >>> {f.framework: f.levels for f in in_frameworks(6)}["SCQF"]
    ('9', '10')
    """
    found = []
    for name in shipped_taxonomies():
        taxonomy = load_taxonomy(name)
        rows = [(level, row) for level, row in taxonomy.crosswalk.items() if eqf in row.eqf]
        if name == "eqf" or not rows:
            continue
        confidence = max(
            (r.confidence for _, r in rows), key=lambda c: _CONFIDENCES.index(c) if c in _CONFIDENCES else 2
        )
        found.append(FrameworkLevel(taxonomy.framework or taxonomy.id, tuple(level for level, _ in rows), confidence))
    return tuple(found)


def framework_named(name: str | None) -> Taxonomy | None:
    """Return the shipped level framework of that id; None for None or an unknown id."""
    if name is None:
        return None
    try:
        return load_taxonomy(name)
    except TaxonomyError:
        return None


def check(credential: Credential, pulls: Pulls | None = None) -> tuple[list[Finding], list[str]]:
    """Compare the stated level with the one estimated from the outcomes.

    Parameters
    ----------
    credential : Credential
        With its level estimated.
    pulls : callable or None
        What each outcome has to do with it (see `Pulls`); None if that is not known. Asked only if there is a finding.

    Returns
    -------
    findings : list of Finding
        At most one, rule ``level-mismatch``: the stated level, through the crosswalk, has a probability below 0.05.
        Amber where a level is estimated, info where the estimate abstains: then it is not said which level fits, only
        that the stated one hardly does. It says "unusual for": the reader decides.
    not_checked : list of str
        Why nothing was compared.
    """
    stated, estimate = credential.level.stated, credential.level.estimated
    if not isinstance(stated, str) or not stated.strip():
        return [], ["level: none stated"]
    name = framework_of(credential)
    if name is None:
        return [], [f"level: `{stated}` is stated without a known framework"]
    eqf = to_eqf(name, stated)
    if eqf is None and (missing := _no_such_level(name, stated)) is not None:
        return [], [missing]
    if eqf is None:
        return [], [f"level: `{stated}` has no EQF level in the crosswalk of `{name}`"]
    levels, confidence = eqf
    if confidence == "low":
        return [], [f"level: how `{stated}` of `{name}` stands to the EQF is not sure"]
    if estimate is None:
        return [], ["level: not estimated"]
    shares = _shares(estimate.distribution)
    if shares is None:
        return [], ["level: the estimate's distribution is not one"]
    best = max(shares, key=lambda level: shares[level])
    stated_share = sum(shares.get(level, 0.0) for level in levels)
    if shares[best] < READABLE_FROM:
        return [], [f"level: the estimate is not sure enough ({shares[best]:.0%} on EQF {best})"]
    if best in levels or stated_share >= UNUSUAL_BELOW:
        return [], ["level: the estimate abstains"] if estimate.eqf is None else []
    as_eqf = "EQF " + "–".join(str(level) for level in sorted({levels[0], levels[-1]}))
    taxonomy = framework_named(name)
    title = (taxonomy.framework or taxonomy.id) if taxonomy is not None else name
    in_words = as_eqf if name == "eqf" else f"{title} {'–'.join(re.findall(_NUMBER, stated)) or stated} ({as_eqf})"
    nearest = min(levels, key=lambda level: abs(level - best))
    reading = f"they read more like {_spoken(name, best)} (probability {shares[best]:.2f})"
    if estimate.eqf is None:
        reading += ", though what level they fit is not sure"
    outcomes, evidence, said = _pulling(credential, pulls, best, nearest)
    finding = Finding(
        rule="level-mismatch",
        severity="info" if estimate.eqf is None else "amber",
        measured=round(stated_share, 3),
        limit=UNUSUAL_BELOW,
        unit="probability of the stated level",
        norm=f"estimate of {estimate.model}; crosswalk of {title}, confidence {confidence}",
        outcomes=outcomes,
        message=f"These outcomes are unusual for {in_words}: {reading}.{said}",
        advice="Compare the outcomes with the level's descriptor: raise or lower what is asked for, or the stated "
        "level.",
        evidence=evidence,
    )
    return [finding], []


def _spoken(framework: str, eqf: int) -> str:
    """Name an EQF level, and what it is in the credential's own framework."""
    taxonomy = framework_named(framework)
    own = next((f for f in in_frameworks(eqf) if taxonomy is not None and f.framework == taxonomy.framework), None)
    return (
        f"EQF {eqf}"
        if own is None
        else f"EQF {eqf}, {own.framework} {'–'.join(own.levels[:: max(1, len(own.levels) - 1)])}"
    )


def _pulling(
    credential: Credential, pulls: Pulls | None, best: int, stated: int
) -> tuple[tuple[str, ...], tuple[Passage, ...], str]:
    """Return the outcomes that pull the estimate away from the stated level, strongest first, their words, and a sentence."""
    if pulls is None or best == stated:
        return (), (), ""
    found = list(zip(credential.outcomes, pulls(best, stated), strict=True))
    away = sorted((x for x in found if x[1][0] >= _CLEAR_PULL), key=lambda x: -x[1][0])[:_N_PULLS]
    back = sorted((x for x in found if x[1][0] <= -_CLEAR_PULL), key=lambda x: x[1][0])[:_N_PULLS]
    passages = tuple(Passage(o.id, start, end, o.text[start:end]) for o, (_, (start, end)) in away)
    said = ""
    if away:
        which = ", ".join(f"{p.outcome} (“{p.text}”)" for p in passages)
        said += f" What pulls them {'up' if best > stated else 'down'} most: {which}."
    if back:
        said += f" {', '.join(o.id for o, _ in back)} {'reads' if len(back) == 1 else 'read'} like the stated level."
    return tuple(o.id for o, _ in away), passages, said


def _no_such_level(name: str, stated: str) -> str | None:
    """Say that a level given as a number is none of its framework's; None if it is one, or is given in words."""
    taxonomy, text = framework_named(name), " ".join(stated.split())
    if taxonomy is None or read_levels(taxonomy, text) or (match := _LEVELS.fullmatch(text.casefold())) is None:
        return None
    if match["name"] and resolve_framework(match["name"]) != taxonomy.id:
        return None
    # FHEQ shares its numbers with the levels 1 to 3 of the RQF, which are listed with it under their own name.
    title = taxonomy.framework or name
    own = [c.notation or c.level for c in taxonomy.concepts if c.label.startswith(f"{title} ")]
    levels = [level for level in own if level] or list(taxonomy.crosswalk)
    has = f"; it has {levels[0]} to {levels[-1]}" if len(levels) > 1 else ""
    return f"level: {title} has no level `{stated}`{has}"


def _shares(distribution: object) -> dict[int, float] | None:
    """Read a distribution over EQF levels; None if it is not one."""
    try:
        shares = {int(level): float(p) for level, p in dict(distribution).items()}  # type: ignore[call-overload]
    except (TypeError, ValueError):
        return None
    is_one = bool(shares) and all(math.isfinite(p) and p >= 0 for p in shares.values())
    return shares if is_one and abs(sum(shares.values()) - 1.0) < 0.02 else None
