"""Whether a credential tries to cover too much for its size: how many outcomes it lists, and how far apart they lie.

Separate findings, each with its own norm: ``density`` holds the count against what courses of the same size list, ``breadth`` holds
the spread of topics against courses that list as many outcomes, and ``overloaded`` joins the two by a fixed rule.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike, NDArray

from tagger.breadth import BreadthNorms
from tagger.counting import OutcomeCount, count_outcomes, is_english, unit_matrix
from tagger.density import DensityNorm
from tagger.norms import Course, Norms
from tagger.records import Credential, Finding, Part, Size, Tag
from tagger.size import resolve_hours, rule_of
from tagger.spread import effective_topics, mean_distance
from tagger.topics import group_outcomes, group_terms

__all__ = [
    "Assessment",
    "OutcomeCount",
    "assess",
    "check",
    "count_outcomes",
    "course_of",
    "effective_topics",
    "mean_distance",
]

MIN_OUTCOMES = 3
MEDIAN, AMBER, RED = 50.0, 95.0, 99.0

Floats = NDArray[np.float64]


# --- measuring


@dataclass(frozen=True, slots=True)
class Assessment:
    """What was measured of a credential, and where that stands.

    Attributes
    ----------
    count : OutcomeCount
        Acts counted apart where the norm knows how many acts an outcome names.
    hours : float or None
        Notional hours, the upper end of a range.
    density : float or None
        Percentage of courses of this size that list fewer outcomes.
    as_listed : float or None
        The same with each outcome counted once, however many acts it names.
    breadth : float or None
        Percentage of courses listing as many outcomes whose outcomes lie closer together.
    measures, percentiles : dict of str to float
        Every measure of breadth (`tagger.breadth.MEASURES`), and where it stands among courses listing as many.
    density_norm : DensityNorm or None
    breadth_norms : BreadthNorms or None
    kept : tuple of int
        Indices of the distinct stated outcomes.
    not_checked : tuple of str
    together : float or None
        Where density and breadth stand taken together, among courses: it orders what is found, and decides nothing.
    """

    count: OutcomeCount
    hours: float | None
    density: float | None
    as_listed: float | None
    breadth: float | None
    measures: dict[str, float]
    percentiles: dict[str, float]
    density_norm: DensityNorm | None
    breadth_norms: BreadthNorms | None
    kept: tuple[int, ...]
    not_checked: tuple[str, ...]
    together: float | None = None

    @property
    def overload(self) -> float | None:
        """The strictest percentile at which the rule of ``overloaded`` would still hold; None where it cannot be applied.

        At the percentile p the rule is: density at least p, or breadth at least p with density at least the median.
        """
        if self.density is None:
            return None
        by_breadth = self.breadth if self.breadth is not None and self.density >= MEDIAN else 0.0
        return max(self.density, by_breadth)


def assess(
    credential: Credential,
    vectors: ArrayLike | None = None,
    *,
    norms: Norms,
    tags: Sequence[Sequence[Tag]] | None = None,
) -> Assessment:
    """Measure a credential's count and breadth, and hold both against the norms; see `check` for the parameters."""
    outcomes = credential.outcomes
    n_stated = sum(o.is_stated for o in outcomes)
    size = resolve_hours(credential)
    hours = None if size.notional_hours is None else float(size.notional_hours[1])
    norm = None if hours is None else norms.density_for(credential, hours)
    reads_acts = norm is not None and norm.acts_per_outcome is not None and is_english(credential.language)
    count = count_outcomes(outcomes, vectors, acts=reads_acts)
    place = {outcome.id: i for i, outcome in enumerate(outcomes)}
    kept = tuple(place[name] for name in count.counted)
    missing: list[str] = []
    density = as_listed = breadth = None
    # density
    if not n_stated:
        reason = "no learning outcomes stated"
    elif count.n < MIN_OUTCOMES:
        reason = f"{count.n} distinct outcome{'s' * (count.n != 1)}, at least {MIN_OUTCOMES} are needed"
    elif hours is None:
        reason = "the notional hours are not known"
    elif norm is None:
        low, high = _spoken_for(norms.candidates(credential))
        reason = (
            f"{hours:g} hours lie outside what the norm speaks for, {low:.0f} to {high:.0f} hours; not extrapolated"
        )
    else:
        reason = ""
        density = (norm.of_acts() if reads_acts else norm).percentile(count.n, hours)
        as_listed = norm.percentile(len(count.counted), hours)
    if reason:
        missing.append(f"density: {reason}")
    # breadth
    matrix = unit_matrix(vectors, len(outcomes))
    model, held_against = norms.model, norms.breadth_norms()
    measures: dict[str, float] = {}
    percentiles: dict[str, float] = {}
    if not n_stated:
        why = "no learning outcomes stated"
    elif len(kept) < MIN_OUTCOMES:
        why = f"{len(kept)} distinct outcome{'s' * (len(kept) != 1)}, at least {MIN_OUTCOMES} are needed"
    elif matrix is None or not matrix[list(kept)].any(axis=1).all():
        why = "the outcomes were not read"
    elif model is None or held_against is None:
        why = "no norm for the vectors of this encoder"
    else:
        why = ""
        measures = _measure(credential, matrix, kept, hours, norms, tags)
        for name, value in measures.items():
            if name in held_against.measures:
                percentiles[name] = held_against.measures[name].percentile(value, len(kept))
        breadth = percentiles.get("separation")
    if why:
        missing.append(f"breadth: {why}")
    if density is None:
        missing.append(f"overloaded: {reason}")
    elif breadth is None and density < AMBER:
        missing.append(f"overloaded: by density only; {why}")
    together = None if model is None or density is None or breadth is None else model.together(density, breadth)
    return Assessment(
        count,
        hours,
        density,
        as_listed,
        breadth,
        measures,
        percentiles,
        norm,
        held_against,
        kept,
        tuple(missing),
        together,
    )


def _measure(
    credential: Credential,
    matrix: Floats,
    kept: Sequence[int],
    hours: float | None,
    norms: Norms,
    tags: Sequence[Sequence[Tag]] | None,
) -> dict[str, float]:
    assert norms.model is not None
    n_skills = n_goals = None
    if tags is not None and len(tags) == len(credential.outcomes):
        given = [t for i in kept for t in tags[i] if t.relation != "mentions"]
        n_goals = len({t.concept for t in given if t.taxonomy == "sdg"})
        n_skills = len({t.concept for t in given if _is_skill(t)})
    rows = matrix[list(kept)]
    return norms.model.measure(rows, [credential.outcomes[i].text for i in kept], hours, n_skills, n_goals)


def _is_skill(tag: Tag) -> bool:
    return tag.taxonomy not in ("sdg", "sdg-targets", "bloom", "eqf") and tag.relation != "derived"


def _spoken_for(candidates: Sequence[DensityNorm]) -> tuple[float, float]:
    return min(n.hours[0] for n in candidates), max(n.hours[1] for n in candidates)


def course_of(
    credential: Credential,
    vectors: ArrayLike | None,
    *,
    norms: Norms,
    tags: Sequence[Sequence[Tag]] | None = None,
) -> Course:
    """Return what `tagger.norms.build_norms` needs of a credential."""
    found = assess(credential, vectors, norms=norms, tags=tags)
    acts = count_outcomes(credential.outcomes, vectors, acts=is_english(credential.language))
    return Course(len(found.kept), acts.n, found.hours, found.measures)


# --- the judgement


_HINT = (
    "How far outcomes lie apart differs between institutions: against another's courses this is a hint only; "
    "`tagger norms build` makes norms of your own."
)


def check(
    credential: Credential,
    vectors: ArrayLike | None = None,
    *,
    norms: Norms | None = None,
    tags: Sequence[Sequence[Tag]] | None = None,
) -> tuple[list[Finding], list[str]]:
    """Hold the number and the spread of distinct stated outcomes against norms.

    Where the notional hours are a range (ECTS: 25 to 30 a credit) the upper end is taken, so that a finding holds
    whichever of them is right.

    Parameters
    ----------
    credential : Credential
    vectors : array (n_outcomes, dim) or None
        Unit rows, parallel to ``credential.outcomes``: see `count_outcomes`. Without them breadth is not checked.
    norms : Norms or None
        None is the shipped ones, which are one university's, and say so in the finding.
    tags : sequence of sequence of Tag, or None
        The tags of each outcome, parallel to ``credential.outcomes``.

    Returns
    -------
    findings : list of Finding
        ``density``: amber from the norm's 95th percentile, red from its 99th; where acts are counted apart (see
        `count_outcomes`), so are they in the norm, and it is amber at most where the outcomes as they are listed would make no
        finding. ``breadth``: the same for how far apart the outcomes lie, among courses that list as many; it names the topics.
        ``overloaded``: density at its 95th percentile, or breadth at its 95th with density at least at the median; red if both.
        What rests on breadth alone is ``info`` as long as the norms of breadth are another institution's (`tagger.norms`): on
        the development half of the gold set such norms took 8 of 36 sound credentials for broad.
    not_checked : list of str
        What was not judged, and why: ``density: …``, ``breadth: …``, ``overloaded: …``.

    Raises
    ------
    ModelError
        If a shipped norm is missing or altered.
    """
    norms = Norms.shipped() if norms is None else norms
    found = assess(credential, vectors, norms=norms, tags=tags)
    is_dense = found.density is not None and found.density >= AMBER
    is_broad = found.breadth is not None and found.breadth >= AMBER
    is_hint = norms.breadth is None  # norms of breadth travel badly: another institution's give a hint and no more
    is_overloaded = is_dense or (is_broad and found.density is not None and found.density >= MEDIAN)
    if not (is_dense or is_broad):
        return [], list(found.not_checked)
    parts = _parts(credential, unit_matrix(vectors, len(credential.outcomes)), found, tags)
    findings = []
    if is_dense:
        findings.append(_density(credential, found))
    if is_broad:
        findings.append(_breadth(credential, found, parts, is_hint))
    if is_overloaded:
        findings.append(_overloaded(credential, found, parts, is_dense, is_broad, is_hint))
    return findings, list(found.not_checked)


def _density(credential: Credential, found: Assessment) -> Finding:
    count, hours, as_listed = found.count, found.hours, found.density_norm
    assert found.density is not None and hours is not None and as_listed is not None and found.as_listed is not None
    reads_acts = as_listed.acts_per_outcome is not None and is_english(credential.language)
    norm = as_listed.of_acts() if reads_acts else as_listed
    # Acts alone never make it red: counted as they are listed, against the norm as fitted, the outcomes must be many.
    is_capped = found.density >= RED and found.as_listed < AMBER
    is_red = found.density >= RED and not is_capped
    own, inverse = _inverted(norm, count.n, hours, resolve_hours(credential))
    message = f"{_counting(count, sum(o.is_stated for o in credential.outcomes))}. In {own} that is {inverse} in {norm.title}."
    if is_capped:
        message += " Listed outcomes alone are not unusually many, so this is no stronger than a hint."
    return Finding(
        rule="density",
        severity="red" if is_red else "amber",
        measured=count.n,
        limit=norm.quantile((RED if is_red else AMBER) / 100, hours),
        unit="separate acts" if count.several else "outcomes",
        norm=f"{norm.title}, {norm.n_courses} courses, {'99th' if is_red else '95th'} percentile at {hours:g} hours",
        outcomes=count.counted,
        message=message,
        advice="Keep the outcomes that are assessed and join those that overlap, give the credential more hours, or "
        "split it. How many outcomes are listed differs between institutions: a norm from your own "
        "catalogue says more.",
    )


def _breadth(credential: Credential, found: Assessment, parts: tuple[Part, ...], is_hint: bool) -> Finding:
    assert found.breadth is not None and found.breadth_norms is not None
    n, norms = len(found.kept), found.breadth_norms
    is_red = found.breadth >= RED
    topics = found.measures["effective_topics"]
    usual = norms.measures["effective_topics"].value_at(0.5, n)
    message = (
        f"{_share(found.breadth)} of courses listing {n} outcomes keep closer to one topic. They come to {topics:.1f} separate "
        f"topics in effect, where {usual:.1f} are usual for {n} outcomes"
    )
    others = [
        f"{words} {found.measures[name]:.2g} (percentile {found.percentiles[name]:.0f})"
        for name, words in (
            ("mean_distance", "mean distance"),
            ("skills", "skills per 10 hours"),
            ("goals", "SDGs per 10 hours"),
        )
        if name in found.percentiles and found.measures[name] > 0
    ]
    message += f"; {', '.join(others)}." if others else "."
    if len(parts) > 1:
        message += " Topics: " + "; ".join(f"{_named(p)} ({_ids(p.outcomes)})" for p in parts) + "."
    else:
        message += " No groups stand apart: the outcomes have little to do with one another."
    if is_hint:
        message += f" {_HINT}"
    return Finding(
        rule="breadth",
        severity="info" if is_hint else "red" if is_red else "amber",
        measured=round(found.breadth, 1),
        limit=RED if is_red else AMBER,
        unit="percentile",
        norm=f"{norms.title}, {norms.n_courses} courses, by the number of outcomes listed",
        outcomes=found.count.counted,
        message=message,
        advice="Say what holds the topics together, or leave out what does not belong"
        + (", or split it by topic." if len(parts) > 1 else "."),
        parts=parts,
    )


def _overloaded(
    credential: Credential,
    found: Assessment,
    parts: tuple[Part, ...],
    is_dense: bool,
    is_broad: bool,
    is_hint: bool,
) -> Finding:
    assert found.density is not None and found.density_norm is not None and found.hours is not None
    norm = found.density_norm
    signs = [f"more outcomes than {_share(found.density)} of courses of its size"]
    if found.breadth is not None:
        signs.append(f"further apart than in {_share(found.breadth)} of courses that list as many")
    both = is_dense and is_broad
    message = "Too much for its size" if both else "It may be too much for its size"
    message += f": {', and '.join(signs)}."
    by_breadth_alone = not is_dense
    if by_breadth_alone and is_hint:
        message += f" {_HINT}"
    breadth = "" if found.breadth is None else f", breadth {found.breadth:.0f}"
    held = [f"{norm.title}, {norm.n_courses} courses, at {found.hours:g} hours"]
    if found.breadth is not None and found.breadth_norms is not None:
        held.append(f"{found.breadth_norms.title}, {found.breadth_norms.n_courses} courses, by the number of outcomes")
    return Finding(
        rule="overloaded",
        severity="red" if both else "info" if by_breadth_alone and is_hint else "amber",
        measured=f"density {found.density:.0f}{breadth}",
        limit="density 95, or breadth 95 with density 50",
        unit="percentiles",
        norm="; ".join(held),
        outcomes=found.count.counted,
        message=message,
        advice=_remedy(credential, found, parts),
        parts=parts if len(parts) > 1 else (),
    )


def _remedy(credential: Credential, found: Assessment, parts: tuple[Part, ...]) -> str:
    """Propose a split, and the size that the outcomes would need as they are."""
    size = resolve_hours(credential)
    ways = []
    if len(parts) > 1:
        listed = "; ".join(f"{_named(p)}: {len(p.outcomes)} outcomes{_part_size(p, size)}" for p in parts)
        ways.append(f"Split it into {len(parts)} credentials ({listed})")
        rule = rule_of(credential)
        least = None if rule is None or rule.system != size.system else rule.min_credits
        if least is not None and any(p.credits is not None and p.credits < least for p in parts):
            ways[-1] += f"; a part below {least:g} {size.system} credits needs more of them"
    norm, hours = found.density_norm, found.hours
    assert norm is not None and hours is not None
    counted = norm.of_acts() if norm.acts_per_outcome is not None and is_english(credential.language) else norm
    needed = counted.equivalent_hours(found.count.n)
    if math.isfinite(needed) and needed > hours * 1.05:
        per = _per_credit(size, hours)
        enough = f"{needed / per:.0f} {size.system} credits" if per and size.system else f"{needed:.0f} hours"
        ways.append(f"{'give' if ways else 'Give'} it the size at which so many outcomes are usual, about {enough}")
    ways.append(f"{'keep' if ways else 'Keep'} only the outcomes that are taught and assessed")
    return ", or ".join(ways) + "."


def _parts(
    credential: Credential, matrix: Floats | None, found: Assessment, tags: Sequence[Sequence[Tag]] | None
) -> tuple[Part, ...]:
    """Group the distinct outcomes by topic, each group with its terms, skills, and hours and credits in proportion."""
    kept = found.kept
    if matrix is None or not matrix[list(kept)].any(axis=1).all():
        return ()
    rows = matrix[list(kept)]
    groups = group_outcomes(rows @ rows.T)
    if len(groups) < 2:
        return ()
    outcomes = [credential.outcomes[i] for i in kept]
    terms = group_terms([o.text for o in outcomes], groups)
    size = resolve_hours(credential)
    parts = []
    for group, words in zip(groups, terms, strict=True):
        share = len(group) / len(kept)
        hours = size.notional_hours
        skills: dict[str, float] = {}
        if tags is not None and len(tags) == len(credential.outcomes):
            for tag in (t for g in group for t in tags[kept[g]] if _is_skill(t)):
                skills[tag.label] = max(skills.get(tag.label, 0.0), tag.score)
        is_credits = isinstance(size.credits, (int, float)) and math.isfinite(size.credits) and size.credits > 0
        parts.append(
            Part(
                tuple(outcomes[g].id for g in group),
                words,
                tuple(sorted(skills, key=lambda name: (-skills[name], name))),
                None if hours is None else (round(hours[0] * share, 1), round(hours[1] * share, 1)),
                round(float(size.credits) * share, 2) if is_credits and size.credits is not None else None,
            )
        )
    return tuple(parts)


def _named(part: Part) -> str:
    return ", ".join(part.terms) or "unnamed"


def _ids(names: Sequence[str]) -> str:
    return ", ".join(name.rpartition("/")[2] or name for name in names)


def _part_size(part: Part, size: Size) -> str:
    if part.credits is not None and size.system:
        return f", {part.credits:g} {size.system} credits"
    if part.notional_hours is not None:
        return f", {part.notional_hours[1]:g} hours"
    return ""


def _share(percentile: float) -> str:
    return "more than 99%" if percentile > 99.5 else f"{min(percentile, 99.0):.0f}%"


def _per_credit(size: Size, hours: float) -> float | None:
    if isinstance(size.credits, (int, float)) and math.isfinite(size.credits) and size.credits > 0:
        return hours / size.credits
    return None


def _inverted(norm: DensityNorm, n: int, hours: float, size: Size) -> tuple[str, str]:
    """Say the credential's size and the size at which its count would be ordinary, both in its own unit."""
    unit, per_unit, own = "hour", 1.0, f"{hours:g} hours"
    if isinstance(size.credits, (int, float)) and size.credits > 0 and size.system:
        unit, per_unit, own = f"{size.system}", hours / size.credits, f"{size.credits:g} {size.system} credits"
    equivalent = norm.equivalent_hours(n)
    if math.isinf(equivalent):
        return (
            own,
            f"more than even a course of {norm.hours[1] / per_unit:.0f} {unit}{'s' * (unit == 'hour')} typically lists",
        )
    return own, f"what a {equivalent / per_unit:.0f}-{unit} course typically lists"


def _counting(count: OutcomeCount, n_stated: int) -> str:
    """Say how many outcomes are stated, and then how that became the count, if it differs."""
    parts = [f"{n_stated} stated outcome{'s' * (n_stated != 1)}"]
    if count.repeated:
        parts.append(f"without repetitions {len(count.counted)}")
    if count.several:
        parts.append(f"counted by their separate acts {count.n}")
    return "; ".join(parts)
