"""From the tally to what the template shows: sorted, scaled and worded, nothing counted anew."""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Iterator, Sequence
from typing import Any, Final

from tagger.catalogue.flat import short_code
from tagger.errors import TaggerError
from tagger.report.tally import GoalTally, Tally, decided_by, segments
from tagger.report.words import ATTRIBUTIONS, BLOOM_ORDER, GOALS, SEVERITIES, Goal, ink_on, rule_words, taxonomy_title

__all__ = ["FILTERS", "page"]

_N_SKILLS: Final = 30
_N_UNITS: Final = 40
_N_REASONS: Final = 12
_N_OPEN_FINDINGS: Final = 12  # shown at once in a group; the others fold away


def page(tally: Tally) -> dict[str, Any]:
    """Return everything that the template needs; long lists as functions that read from disk anew."""
    return {
        "t": tally,
        "goals": _goals(tally),
        "matrix": _matrix(tally),
        "skills": _skills(tally),
        "bloom": _bloom(tally),
        "levels": _levels(tally),
        "spoken": _spoken(tally),
        "rules": _rules(tally),
        "n_findings": tally.severities.total(),
        "n_findings_listed": min(tally.severities.total(), tally.max_listed),
        "not_checked": _not_checked(tally),
        "untagged": lambda: map(tally.spool.get, tally.untagged),
        "problems": lambda: map(tally.spool.get, tally.problems),
        "credentials": lambda: _credentials(tally),
        "taxonomies": _taxonomies(tally),
        "severities": SEVERITIES,
    }


# Goals ---------------------------------------------------------------------------------------------------------------


def _all_goals(tally: Tally) -> list[Goal]:
    known = {g.number for g in GOALS}
    others = [Goal(code, tally.goals[code].label, "#6b7280") for code in sorted(tally.goals) if code not in known]
    return [*GOALS, *others]


def _goals(tally: Tally) -> list[dict[str, Any]]:
    top = max((g.n_outcomes for g in tally.goals.values()), default=0) or 1
    rows = []
    for goal in _all_goals(tally):
        counted = tally.goals.get(goal.number, GoalTally())
        spread = math.sqrt(counted.variance)
        targets = {c: t for c, t in tally.targets.items() if c.split(".")[0] == goal.number}
        rows.append(
            {
                "number": goal.number,
                "name": goal.name,
                "colour": goal.colour,
                "ink": ink_on(goal.colour),
                "n_credentials": counted.n_credentials,
                "n_outcomes": counted.n_outcomes,
                "expected": counted.expected,
                "spread": spread,
                "share_credentials": 100 * counted.n_credentials / top,
                "share_outcomes": 100 * counted.n_outcomes / top,
                "whisker_from": 100 * max(0.0, counted.expected - spread) / top,
                "whisker_to": min(100.0, 100 * (counted.expected + spread) / top),
                "targets": [
                    {"code": c, "label": t.label, "n": t.n_outcomes}
                    for c, t in sorted(targets.items(), key=lambda pair: (-pair[1].n_outcomes, pair[0]))
                ],
                "n_listed": len(counted.strongest),
                "entries": _entries(tally, counted),
            }
        )
    return rows


def _entries(tally: Tally, goal: GoalTally) -> Any:
    order = [number for *_, number in sorted(goal.strongest, reverse=True)]
    return lambda: map(tally.spool.get, order)


def _matrix(tally: Tally) -> dict[str, Any] | None:
    for kind in ("faculty", "provider"):
        sizes = tally.n_per_unit[kind]
        named = [u for u in sizes if u is not None]
        if len(named) < 2 or not tally.goals:
            continue
        ranked = sorted(named, key=lambda u: (-sizes[u], u))
        shown, rest = ranked[:_N_UNITS], ranked[_N_UNITS:]
        rows = [(u, sizes[u], tally.units[kind][u]) for u in shown]
        if rest:
            others = sum((tally.units[kind][u] for u in rest), Counter())
            rows.append((f"{len(rest)} others", sum(sizes[u] for u in rest), others))
        if sizes[None]:
            rows.append(("not stated", sizes[None], tally.units[kind][None]))
        goals = _all_goals(tally)
        return {
            "kind": kind,
            "goals": [{"number": g.number, "name": g.name, "colour": g.colour, "ink": ink_on(g.colour)} for g in goals],
            "rows": [
                {
                    "unit": unit,
                    "n": n,
                    "cells": [
                        (g.number, g.colour, counts[g.number], round(8 + 32 * counts[g.number] / n)) for g in goals
                    ],
                }
                for unit, n, counts in rows
            ],
        }
    return None


# Skills, Bloom, levels -----------------------------------------------------------------------------------------------


def _skills(tally: Tally) -> list[dict[str, Any]]:
    groups = []
    for taxonomy in sorted({key[0] for key in tally.skills}):
        found = [(iri, s) for (t, iri), s in tally.skills.items() if t == taxonomy]
        found.sort(key=lambda pair: (-pair[1].n_outcomes, -pair[1].n_credentials, pair[1].label, pair[0]))
        top = found[0][1].n_outcomes
        groups.append(
            {
                "title": taxonomy_title(taxonomy),
                "n_distinct": len(found),
                "rows": [
                    {
                        "label": s.label,
                        "type": s.type,
                        "n_outcomes": s.n_outcomes,
                        "n_credentials": s.n_credentials,
                        "share": 100 * s.n_outcomes / top,
                    }
                    for _, s in found[:_N_SKILLS]
                ],
            }
        )
    return groups


def _bloom(tally: Tally) -> list[dict[str, Any]]:
    order = {name: i for i, name in enumerate(BLOOM_ORDER)}
    names = sorted({*tally.bloom, *BLOOM_ORDER} if tally.bloom else (), key=lambda n: (order.get(n, 99), n))
    top = max(tally.bloom.values(), default=1)
    return [
        {
            "label": tally.bloom_labels.get(n, n.capitalize()),
            "n": tally.bloom[n],
            "of": tally.bloom[n] / tally.n_bloom,
            "share": 100 * tally.bloom[n] / top,
        }
        for n in names
    ]


def _levels(tally: Tally) -> list[dict[str, Any]]:
    rows = []
    for (framework, stated), counts in tally.levels.items():
        eqf = _to_eqf(framework, stated)
        name = " ".join(p for p in (framework, stated) if p) if stated else "no level stated"
        cells = [(level, counts[level], level in eqf) for level in range(1, 9)]
        rows.append({"name": name, "n": counts.total(), "eqf": eqf, "cells": cells, "abstained": counts[None]})
    return sorted(rows, key=lambda r: (r["eqf"] or (9,), r["name"] == "no level stated", r["name"]))


def _spoken(tally: Tally) -> dict[str, Any] | None:
    """Return the EQF levels that were estimated, in the language of the other frameworks; None if there are none."""
    from tagger.levels import in_frameworks

    estimated = sorted({eqf for counts in tally.levels.values() for eqf in counts if eqf is not None})
    rows = {eqf: {f.framework: f for f in in_frameworks(eqf)} for eqf in estimated}
    names = sorted({name for row in rows.values() for name in row})
    if not names:
        return None
    return {
        "frameworks": names,
        "rows": [
            (eqf, [(_range(row[n].levels), row[n].confidence) if n in row else ("", "") for n in names])
            for eqf, row in rows.items()
        ],
    }


def _range(levels: Sequence[str]) -> str:
    return levels[0] if len(levels) == 1 else f"{levels[0]}–{levels[-1]}"


def _to_eqf(framework: str | None, stated: str | None) -> tuple[int, ...]:
    """Return the EQF levels that a stated level is referenced to; none where that is not known."""
    from tagger.levels import to_eqf

    try:
        found = to_eqf(framework, stated)
    except TaggerError:  # no such framework, or its folder is damaged: the cross-table just marks nothing
        return ()
    return () if found is None else found[0]


# Findings ------------------------------------------------------------------------------------------------------------


def _rules(tally: Tally) -> list[dict[str, Any]]:
    left = tally.max_listed
    listed: dict[str, list[int]] = {}
    rule_of: dict[int, str] = {}
    for severity in _ranked(tally.severities):
        for number in tally.findings[severity][:left]:
            rule_of[number] = tally.spool.get(number)["rule"]
            listed.setdefault(rule_of[number], []).append(number)
        left -= len(tally.findings[severity][:left])
    groups = []
    for rule, counts in tally.rules.items():
        numbers = listed.get(rule, [])
        title, meaning = rule_words(rule)
        groups.append(
            {
                "rule": rule,
                "title": title,
                "meaning": meaning,
                "is_open": not rule.startswith("wording"),  # there are many; they are to be looked up, not read through
                "counts": [(s, counts[s]) for s in _ranked(counts)],
                "n": counts.total(),
                "n_listed": len(numbers),
                "first": _findings(tally, numbers[:_N_OPEN_FINDINGS]),
                "n_more": len(numbers[_N_OPEN_FINDINGS:]),
                "more": _findings(tally, numbers[_N_OPEN_FINDINGS:]),
            }
        )
    return sorted(groups, key=lambda g: ([-dict(g["counts"]).get(s, 0) for s in SEVERITIES], g["rule"]))


def _ranked(counts: Counter[str]) -> list[str]:
    return sorted(counts, key=lambda s: (SEVERITIES.index(s) if s in SEVERITIES else 9, s))


def _findings(tally: Tally, numbers: list[int]) -> Any:
    return lambda: (_finding(tally.spool.get(number)) for number in numbers)


def _finding(plain: dict[str, Any]) -> dict[str, Any]:
    measured, limit = plain["measured"], plain["limit"]
    is_scaled = _is_amount(measured) and _is_amount(limit) and limit > 0
    return {**plain, "ratio": measured / limit if is_scaled else None}


def _is_amount(value: Any) -> bool:
    return isinstance(value, int | float) and math.isfinite(value) and value >= 0


def _not_checked(tally: Tally) -> list[dict[str, Any]]:
    groups: dict[str, Counter[str]] = {}
    for reason, n in tally.not_checked.items():
        what, _, why = reason.partition(": ")
        groups.setdefault(what, Counter())[why or what] += n
    rows = []
    for what, reasons in sorted(groups.items(), key=lambda pair: (-pair[1].total(), pair[0])):
        ranked = sorted(reasons.items(), key=lambda pair: (-pair[1], pair[0]))
        rest = sum(n for _, n in ranked[_N_REASONS:])
        rows.append({"what": what, "n": reasons.total(), "reasons": ranked[:_N_REASONS], "rest": rest})
    return rows


# Credentials ---------------------------------------------------------------------------------------------------------


def _credentials(tally: Tally) -> Iterator[dict[str, Any]]:
    colours = {g.number: g for g in GOALS}
    for n, number in enumerate(tally.credentials, 1):
        record = tally.spool.get(number)
        goals: dict[str, None] = {}
        outcomes = [_outcome(o) for o in record["outcomes"]]
        for o in outcomes:
            goals.update(dict.fromkeys(t["code"] for t in o["goals"]))
        codes = sorted(goals, key=lambda c: (not c.isdigit(), int(c) if c.isdigit() else 0, c))
        yield {
            **record,
            "n": n,
            "facts": _facts(record),
            "outcomes": outcomes,
            "chips": [(c, colours[c].colour, ink_on(colours[c].colour)) for c in codes if c in colours],
            "worst": next((s for s in SEVERITIES if any(f["severity"] == s for f in record["findings"])), None),
            "n_neither": sum(not o["goals"] and not o["skills"] for o in outcomes),
        }


def _outcome(o: dict[str, Any]) -> dict[str, Any]:
    tags = [{**t, "code": short_code(t["concept"]), "by": decided_by(t["model"])} for t in o["tags"]]
    contributing = [t for t in tags if t["relation"] != "mentions"]
    goals = [t for t in contributing if t["taxonomy"] == "sdg"]
    targets = [t for t in contributing if t["taxonomy"] == "sdg-targets"]
    skills = [
        t for t in tags if t["taxonomy"] not in ("sdg", "sdg-targets", "bloom", "eqf") and t["relation"] != "derived"
    ]
    spans = [(e["start"], e["end"]) for t in (*goals, *targets, *skills) for e in t["evidence"]]
    return {
        "segments": segments(o["text"], spans),
        "stated": o["stated"],
        "goals": goals,
        "targets": targets,
        "skills": skills,
        "rejected": [{**t, "by": decided_by(t["model"])} for t in o.get("rejected", ())],
        "mentions": [t for t in tags if t["relation"] == "mentions" and t["taxonomy"] == "sdg"],
        "bloom": [t for t in tags if t["taxonomy"] == "bloom"],
        "derived": [t for t in tags if t["relation"] == "derived"],
    }


def _facts(record: dict[str, Any]) -> list[tuple[str, str]]:
    size, level = record["size"], record["level"]
    facts = [(name.capitalize(), record[name]) for name in ("provider", "faculty") if record[name]]
    if size["credits"] is not None:
        facts.append(("Credits", " ".join(p for p in (number(size["credits"]), size["system"]) if p)))
    if (hours := size["notional_hours"]) is not None:
        low, high = map(number, hours)
        facts.append(("Notional hours", low if low == high else f"{low} to {high}"))
    if level["stated"]:
        facts.append(("Stated level", " ".join(p for p in (level["framework"], level["stated"]) if p)))
    if (estimate := level["estimated"]) is not None:
        if estimate["eqf"] is None:
            facts.append(("Estimated EQF level", "not sure enough to say"))
        else:
            share = estimate["distribution"].get(str(estimate["eqf"]))
            sure = "" if share is None else f" ({percent(share)})"
            facts.append(("Estimated EQF level", f"{estimate['eqf']}{sure}"))
            own = next((f for f in estimate["frameworks"] if f["framework"] == level["framework"]), None)
            if own is not None:
                sure = "" if own["confidence"] == "high" else f" (crosswalk: {own['confidence']})"
                facts.append((f"That is in {own['framework']}", f"{_range(own['levels'])}{sure}"))
    return facts


def _taxonomies(tally: Tally) -> list[dict[str, Any]]:
    ids = sorted({t for t, _ in (*tally.taxonomies, *tally.models)})
    return [
        {
            "title": taxonomy_title(t),
            "versions": sorted(v for i, v in tally.taxonomies if i == t),
            "models": sorted(m for i, m in tally.models if i == t),
            "attribution": _attribution(t),
        }
        for t in ids
    ]


def _attribution(taxonomy: str) -> str | None:
    from tagger.taxonomy import load_taxonomy

    if taxonomy in ATTRIBUTIONS:
        return ATTRIBUTIONS[taxonomy]
    try:
        return load_taxonomy(taxonomy).attribution or None
    except TaggerError:  # one of the user's own, given by path: it is named, with its version
        return None


# Filters -------------------------------------------------------------------------------------------------------------


def count(n: int) -> str:
    """Return a whole number with separators: 12,345."""
    return f"{n:,}"


def number(value: float | str | None) -> str:
    """Return a number as a reader wants it: 10, 8.2, 1,250; text as it is, and a dash for None.

    Examples
    --------
    >>> number(10.0), number(8.2333), number(None), number("EQF 6")
    ('10', '8.2', '—', 'EQF 6')
    """
    if value is None:
        return "—"
    if isinstance(value, str):
        return value
    if not math.isfinite(value):
        return str(value)
    digits = 0 if float(value).is_integer() else 1 if abs(value) >= 1 else 2
    return f"{value:,.{digits}f}"


def percent(share: float) -> str:
    """Return a share of 1 as a percentage; what is more than nothing never shows as 0%, less than all never as 100%.

    Examples
    --------
    >>> percent(0.914), percent(0.001), percent(0.999), percent(1)
    ('91%', '<1%', '>99%', '100%')
    """
    if 0 < share < 0.005:
        return "<1%"
    if 0.995 <= share < 1:
        return ">99%"
    return f"{share:.0%}"


def share_of(part: int, whole: int) -> str:
    """Return ``part / whole`` as a percentage; a dash where there is no whole."""
    return percent(part / whole) if whole else "—"


def plural(n: int, one: str, many: str | None = None) -> str:
    """Return ``1 outcome`` or ``2 outcomes``."""
    return f"{count(n)} {one if n == 1 else many or one + 's'}"


FILTERS: Final = {"count": count, "number": number, "percent": percent, "share_of": share_of, "plural": plural}
