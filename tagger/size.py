"""Whether a credential has a size that its authority allows for a micro-credential, or is an award in its own right.

Rules, awards and hours per credit are data (`tagger.taxonomy.SizeRule`, `tagger.taxonomy.Award`); here they are only
compared with. Credits of one system are never turned into credits of another: where the credential counts in another
system than the rule, both are compared in notional hours, and where one of them has none, it is said that nothing was
compared.
"""

from __future__ import annotations

import functools
import math
from dataclasses import dataclass, replace

from tagger.levels import framework_named, read_levels
from tagger.programme_parts import programme_part
from tagger.records import Credential, Finding, Size
from tagger.taxonomy import (
    Award,
    SizeRule,
    Taxonomy,
    resolve_credit_system,
    resolve_framework,
    resolve_jurisdiction,
    size_rules,
)

__all__ = ["check", "resolve_hours", "rule_of"]

HOURS_TOLERANCE = 0.2
"""Share by which stated hours may lie outside credits times hours per credit."""
_SEVERITY = {"binding": "red", "framework": "amber", "pilot": "amber", "principle": "amber"}
"""By the weight of a rule (`SizeRule.status`); info for any other."""
_EPSILON = 1e-6


@dataclass(frozen=True, slots=True)
class _Scope:
    """What a credential is held against: a rule, the framework whose levels and awards apply, and why."""

    rule: SizeRule
    framework: Taxonomy | None
    basis: str | None


def rule_of(credential: Credential) -> SizeRule | None:
    """Return the size rule that a credential stands under; None if neither place, framework nor credit system tell.

    Examples
    --------
    >>> from tagger.records import Level
    >>> rule = rule_of(Credential("x", level=Level(framework="NZQCF")))
    >>> rule.id if rule else None
    'nz'
    """
    scope = _scope(credential)
    return None if scope is None else scope.rule


def _scope(credential: Credential) -> _Scope | None:
    texts = (credential.jurisdiction, credential.level.framework, credential.level.stated, credential.size.system)
    return _scope_of(*(text if isinstance(text, str) else None for text in texts))


@functools.lru_cache(maxsize=4096)
def _scope_of(
    place: str | None, framework_text: str | None, stated: str | None, system_text: str | None
) -> _Scope | None:
    rules = size_rules()
    name = next((f for text in (framework_text, stated) if text and (f := resolve_framework(text))), None)
    framework = framework_named(name)
    rule_id = next((r for text in (place, framework_text) if text and (r := resolve_jurisdiction(text))), None)
    if rule_id is not None:
        rule = rules[rule_id]
        is_general = place is not None and place.strip().casefold() in {n.casefold() for n in rule.general_names}
        if is_general and framework is not None and framework.size_rules and rule.framework != framework.id:
            rule = framework.size_rules[0]  # "UK" gives way to the "SCQF" that is named with it
        return _Scope(rule, framework or framework_named(rule.framework), None)
    if framework is not None:
        return _Scope(framework.size_rules[0], framework, None) if framework.size_rules else None
    system = _system(system_text)
    names = {rule.framework for rule in rules.values() if system is not None and rule.system == system}
    framework = framework_named(names.pop()) if len(names) == 1 else None
    if framework is None or not framework.size_rules:
        return None
    return _Scope(framework.size_rules[0], framework, f"read from its {system} credits")


def _system(text: object) -> str | None:
    return resolve_credit_system(text) if isinstance(text, str) else None


def _amount(value: object) -> float | None:
    """Return a size that can be compared: a number above 0 and finite."""
    if isinstance(value, bool) or not isinstance(value, (int, float)):
        return None
    return float(value) if math.isfinite(value) and value > 0 else None


def _stated_hours(size: Size) -> tuple[float, float] | None:
    hours = size.notional_hours
    if not isinstance(hours, (tuple, list)) or len(hours) != 2:
        return None
    low, high = _amount(hours[0]), _amount(hours[1])
    return (low, high) if low is not None and high is not None and low <= high else None


def _hours_per_credit(system: str | None, rule: SizeRule | None) -> tuple[float, float] | None:
    """Return the rule's own hours per credit if it counts in this system, else the range over all that do."""
    if system is None:
        return None
    if rule is not None and rule.system == system and rule.hours_per_credit is not None:
        return rule.hours_per_credit
    found = [r.hours_per_credit for r in size_rules().values() if r.system == system and r.hours_per_credit is not None]
    return (min(low for low, _ in found), max(high for _, high in found)) if found else None


def resolve_hours(credential: Credential) -> Size:
    """Return the credential's size with credit system and notional hours filled in as far as they are known.

    Stated hours are kept. Otherwise they are credits times the hours per credit of their system, a range where that is
    one. Credits without a system are those of the credential's jurisdiction or framework; with neither, their hours
    stay None.

    Examples
    --------
    >>> resolve_hours(Credential("x", size=Size(credits=5, system="ECTS"))).notional_hours
    (125.0, 150.0)
    >>> resolve_hours(Credential("x", jurisdiction="New Zealand", size=Size(credits=5)))
    Size(credits=5, system='NZQCF', notional_hours=(50.0, 50.0))
    """
    return _resolve(credential, _scope(credential))


def _resolve(credential: Credential, scope: _Scope | None) -> Size:
    size, rule = credential.size, scope.rule if scope else None
    credits = _amount(size.credits)
    system = _system(size.system) or size.system
    if credits is not None and size.system is None and rule is not None:
        system = rule.system
    hours = _stated_hours(size)
    if hours is None and credits is not None and (per := _hours_per_credit(system, rule)) is not None:
        hours = (credits * per[0], credits * per[1])
    return replace(size, system=system, notional_hours=hours)


def check(credential: Credential) -> tuple[list[Finding], list[str]]:
    """Hold a credential's size and level against the rules of its jurisdiction and the awards of its framework.

    Returns
    -------
    findings : list of Finding
        ``size-below-minimum``, ``size-above-maximum``, ``size-exceptional``, ``size-step``, ``size-level``;
        ``size-award`` (it is an award in its own right), ``size-award-exists`` (an award of this size exists, and the
        authority accepts the micro-credential all the same), ``size-hours`` (hours and credits contradict each other).
        A regulator's limit makes a red finding, that of a framework or pilot an amber one, our own assumption or a row
        seen in no primary source at most an info or amber one. ``size-award`` is info where the title plainly names a
        part of a programme, such as a dissertation.
    not_checked : list of str
        Everything that was not compared, and why.
    """
    scope = _scope(credential)
    size = _resolve(credential, scope)
    findings = _check_hours(credential, size, scope)
    if scope is None:
        place, framework = credential.jurisdiction, credential.level.framework
        unknown = [f"`{t}`" for t in (place, framework) if isinstance(t, str) and t.strip()]
        if unknown:
            return findings, [f"size: no rules known for {' and '.join(unknown)}"]
        return findings, ["size: no framework or jurisdiction given"]
    not_checked = _misfits(credential, scope)
    if _amount(size.credits) is None and size.credits is not None:
        not_checked.append(f"size: credits of {size.credits!r} are not a size")
    if _amount(size.credits) is None and size.notional_hours is None:
        if size.credits is None:
            not_checked.append("size: no credits or hours given")
        return [*findings, *_check_level(credential, scope)], not_checked
    for make in (_check_limits, _check_awards):
        found, missing = make(credential, size, scope)
        findings += found
        not_checked += missing
    return [*findings, *_check_level(credential, scope)], not_checked


_CONTINENTAL = frozenset({"eqf", "acqf"})
"""Frameworks that national ones are referenced to: a place that goes with one of these contradicts nothing."""


def _misfits(credential: Credential, scope: _Scope) -> list[str]:
    """Say where the place is not known, or goes with another framework than the one that is named."""
    place, rule, framework = credential.jurisdiction, scope.rule, scope.framework
    if not isinstance(place, str) or not place.strip():
        return []
    if resolve_jurisdiction(place) is None:
        if resolve_framework(place) is not None:
            return []
        against = _title(framework) if framework is not None else rule.jurisdiction
        return [f"size: jurisdiction `{place}` is not known; held against {against} alone"]
    own = framework_named(rule.framework)
    if own is None or framework is None or own.id == framework.id or {own.id, framework.id} & _CONTINENTAL:
        return []
    return [
        f"size: jurisdiction `{place}` goes with {_title(own)}, not {_title(framework)}; held against the size of "
        f"{rule.jurisdiction} and the levels and awards of {_title(framework)}"
    ]


# --- comparing


@dataclass(frozen=True, slots=True)
class _Bound:
    """A limit, and the credential's size in the same unit."""

    low: float
    high: float
    limit: float
    unit: str

    @property
    def measured(self) -> float | str:
        return self.low if self.low == self.high else f"{self.low:g}–{self.high:g}"

    @property
    def words(self) -> str:
        return _counted(self.measured, self.unit)

    @property
    def limit_words(self) -> str:
        return _counted(self.limit, self.unit)

    @property
    def verb(self) -> str:
        return "is" if self.measured == 1 else "are"


def _bound(
    size: Size, rule: SizeRule, credits: float | None, hours: float | None, system: str | None = None
) -> _Bound | None:
    """Put a limit given in credits of `system` (the rule's), in hours or both beside the size; None if that cannot
    be.
    """
    system = system or rule.system
    own = _amount(size.credits)
    if credits is not None and own is not None and system is not None and size.system == system:
        return _Bound(own, own, credits, f"{system} credits")
    if size.notional_hours is None:
        return None
    if hours is None and credits is not None:
        per = _hours_per_credit(system, rule)
        # A limit that is itself a range is no limit that can be held.
        hours = credits * per[0] if per is not None and per[0] == per[1] else None
    return None if hours is None else _Bound(*size.notional_hours, hours, "hours")


def _check_limits(credential: Credential, size: Size, scope: _Scope) -> tuple[list[Finding], list[str]]:
    rule, findings, missing = scope.rule, list[Finding](), list[str]()
    has_numbers = any(v is not None for v in (rule.min_credits, rule.min_hours, rule.max_credits, rule.max_hours))
    if not has_numbers:
        return [], [] if rule.below_award else [f"size: {rule.jurisdiction} lays down no limits in numbers"]
    below = rule.exceptional_below
    minimum = None if below is not None and below == rule.min_credits else rule.min_credits
    low_hours = None if below is not None and minimum is None else rule.min_hours
    sides = (
        ("size-below-minimum", "the smallest", minimum, low_hours, "Make it larger, or offer it without this name."),
        ("size-above-maximum", "the largest", rule.max_credits, rule.max_hours, "Make it smaller, or split it in two."),
        (
            "size-exceptional",
            "the smallest",
            below,
            None,
            "Give the reason for the exception with it.",
        ),
    )
    for name, which, credits, hours, advice in sides:
        if credits is None and hours is None:
            continue
        if name == "size-exceptional":
            hours = rule.min_hours
        bound = _bound(size, rule, credits, hours)
        if bound is None:
            missing.append(f"{name}: {_what(size)} cannot be held against {_limit(rule, credits, hours)}")
            continue
        is_above = name == "size-above-maximum"
        surely = bound.low > bound.limit + _EPSILON if is_above else bound.high < bound.limit - _EPSILON
        perhaps = bound.high > bound.limit + _EPSILON if is_above else bound.low < bound.limit - _EPSILON
        if surely:
            severity = "amber" if name == "size-exceptional" else _SEVERITY.get(rule.status, "info")
            but = " but for exceptions" if name == "size-exceptional" else ""
            side = f"{'above' if is_above else 'below'} {which} micro-credential{but}"
            message = f"{bound.words} {bound.verb} {side} in {rule.jurisdiction}"
            findings.append(_finding(name, severity, bound, scope, f"{message}, {bound.limit_words}.", advice))
        elif perhaps:
            missing.append(f"{name}: {bound.words} may lie on either side of {bound.limit_words}")
    if rule.step is not None:
        credits = _amount(size.credits)
        if credits is None or size.system != rule.system:
            missing.append(f"size-step: {_what(size)} cannot be held against steps of {rule.step:g} {rule.system}")
        elif abs(credits / rule.step - round(credits / rule.step)) > 1e-4:
            bound = _Bound(credits, credits, rule.step, f"{rule.system} credits")
            message = f"{bound.words} {bound.verb} not a multiple of {rule.step:g}, the step of {rule.jurisdiction}."
            severity = _SEVERITY.get(rule.status, "info")
            findings.append(_finding("size-step", severity, bound, scope, message, "Round it to a permitted size."))
    return findings, missing


def _check_awards(credential: Credential, size: Size, scope: _Scope) -> tuple[list[Finding], list[str]]:
    rule, framework = scope.rule, scope.framework
    if framework is None or not framework.awards:
        return [], ["size-award: no awards of this framework are known"] if rule.below_award else []
    stated, levels = credential.level.stated, read_levels(framework, credential.level.stated)
    awards = [a for a in framework.awards if len(levels) == 1 and levels[0] in a.levels]
    is_known = bool(awards)
    certain, perhaps, unclear = list[tuple[Award, _Bound]](), list[Award](), list[Award]()
    counted_by = framework.size_rules[0] if framework.size_rules else rule
    for award in awards or framework.awards:
        bound = _bound(size, counted_by, award.min_credits, award.min_hours, award.system)
        if bound is None:
            unclear.append(award)
        elif bound.low >= bound.limit - _EPSILON:
            certain.append((award, bound))
        elif bound.high >= bound.limit - _EPSILON:
            perhaps.append(award)
    if not is_known:
        # No single level, or one without known awards: what is smaller than the smallest award at any level is none.
        if not any(a.blocks == "yes" for a in (*(a for a, _ in certain), *perhaps, *unclear)):
            return [], []
        why = "no level given"
        if isinstance(stated, str) and stated.strip():
            why = f"no award is known at level `{stated}`" if len(levels) == 1 else f"`{stated}` is not one level"
        return [], [f"size-award: {why} of {_title(framework)}, and {_what(size)} may be an award"]
    missing = [f"size-award: {_what(size)} cannot be held against the award {a.award}" for a in unclear]
    blocking = [(a, b) for a, b in certain if a.blocks == "yes"]
    missing += [
        f"size-award: {_what(size)} may or may not reach the award {a.award}" for a in perhaps if a.blocks == "yes"
    ]
    if blocking:
        largest = max(b.limit for _, b in blocking)
        kept = [(a, b) for a, b in blocking if b.limit == largest]
        is_sure = any(a.confidence != "low" for a, _ in kept)
        names = " or ".join(a.award for a, _ in kept)
        bound = kept[0][1]
        where = f"{bound.words} at {_title(framework)} level {levels[0]}"
        title = credential.title
        if part := programme_part(title) if isinstance(title, str) else None:
            severity = "info"
            message = (
                f"By its title ({part}) it is part of a programme, not a stand-alone credential; as a stand-alone "
            )
            message += f"credential {where} would be an award in its own right: {names}."
            advice = "Leave it out of a list of micro-credentials. If it can be taken alone, offer it as that award."
        else:
            severity = "red" if is_sure and rule.below_award else "amber"
            message = f"{where} {'makes' if bound.measured == 1 else 'make'} an award in its own right: {names}."
            advice = "Offer it as that award, or as smaller micro-credentials that stack towards it."
        return [_finding("size-award", severity, bound, scope, message, advice, kept[0][0])], missing
    if not certain:
        return [], missing
    names = ", ".join(f"{a.award} (from {b.limit_words})" for a, b in certain)
    bound = max((b for _, b in certain), key=lambda b: b.limit)
    message = f"At {_title(framework)} level {levels[0]} an award of this size exists: {names}. "
    message += "A micro-credential may have it."
    advice = "Say that it does not lead to this award by itself."
    return [_finding("size-award-exists", "info", bound, scope, message, advice, certain[0][0])], missing


def _check_level(credential: Credential, scope: _Scope) -> list[Finding]:
    rule, framework = scope.rule, scope.framework
    if not rule.levels or framework is None or framework.id != rule.framework:
        return []
    levels = read_levels(framework, credential.level.stated)
    if not levels or set(levels) & set(rule.levels):
        return []
    permitted = _listed(rule.levels)
    message = f"{_title(framework)} level {_listed(levels)} is not among the levels of micro-credentials in "
    message += f"{rule.jurisdiction}, {permitted}."
    return [
        Finding(
            rule="size-level",
            severity=_SEVERITY.get(rule.status, "info"),
            measured=_listed(levels),
            limit=permitted,
            unit=f"{_title(framework)} level",
            norm=_norm(scope),
            outcomes=(),
            message=message,
            advice="Check the level, or the rule under which it is offered.",
        )
    ]


def _check_hours(credential: Credential, size: Size, scope: _Scope | None) -> list[Finding]:
    stated, credits = _stated_hours(credential.size), _amount(size.credits)
    per = _hours_per_credit(size.system, scope.rule if scope else None)
    if stated is None or credits is None or per is None:
        return []
    low, high = credits * per[0], credits * per[1]
    if stated[1] >= low * (1 - HOURS_TOLERANCE) and stated[0] <= high * (1 + HOURS_TOLERANCE):
        return []
    bound = _Bound(*stated, low, "hours")
    expected = f"{low:g}" if low == high else f"{low:g}–{high:g}"
    per_credit = f"{per[0]:g}" if per[0] == per[1] else f"{per[0]:g}–{per[1]:g}"
    return [
        Finding(
            rule="size-hours",
            severity="info",
            measured=bound.measured,
            limit=expected,
            unit="hours",
            norm=f"{per_credit} notional hours per {size.system} credit",
            outcomes=(),
            message=f"{bound.words} {bound.verb} stated, but {_counted(credits, f'{size.system} credits')} "
            f"{'is' if credits == 1 else 'are'} {_counted(expected, 'hours')}.",
            advice="Check both; if the hours are contact hours only, give the notional hours, self-study included.",
        )
    ]


# --- wording


def _finding(
    name: str, severity: str, bound: _Bound, scope: _Scope, message: str, advice: str, award: Award | None = None
) -> Finding:
    norm = _norm(scope, award)
    return Finding(name, severity, bound.measured, bound.limit, bound.unit, norm, (), message, advice)


def _norm(scope: _Scope, award: Award | None = None) -> str:
    """Cite what was held against: the award's source or the rule's, and how sure it is if it is not."""
    rule = scope.rule
    if award is not None:
        title = _title(scope.framework) if scope.framework is not None else rule.jurisdiction
        cited, confidence = f"{title}: {award.source}", award.confidence
    else:
        cited, confidence = f"{rule.jurisdiction}: {rule.source}", rule.confidence
        if rule.status not in ("binding", "none"):
            cited += f" ({rule.status})"
    if confidence != "high":
        cited += f"; confidence {confidence}"
    return f"{cited}; framework {scope.basis}" if scope.basis else cited


def _what(size: Size) -> str:
    credits = _amount(size.credits)
    if credits is not None:
        if size.system:
            return _counted(credits, f"{size.system} credits")
        return f"{_counted(credits, 'credits')} of an unknown system"
    hours = size.notional_hours
    if hours is None:
        return "an unknown size"
    return _counted(hours[0] if hours[0] == hours[1] else f"{hours[0]:g}–{hours[1]:g}", "hours")


def _limit(rule: SizeRule, credits: float | None, hours: float | None) -> str:
    if credits is not None:
        return _counted(credits, f"{rule.system} credits" if rule.system else "credits")
    assert hours is not None
    return _counted(hours, "hours")


def _counted(amount: float | str, unit: str) -> str:
    """Write an amount with its unit, which loses its plural for exactly 1: "1 hour", "0.5 hours", "5–6 hours"."""
    text = amount if isinstance(amount, str) else f"{amount:g}"
    return f"{text} {unit.removesuffix('s') if text == '1' else unit}"


def _title(framework: Taxonomy) -> str:
    return framework.framework or framework.id.upper()


def _listed(levels: tuple[str, ...]) -> str:
    return levels[0] if len(levels) == 1 else f"{levels[0]}–{levels[-1]}"
