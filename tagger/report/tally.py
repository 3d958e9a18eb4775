"""What the report counts while credentials stream past: sums per goal, skill, level and rule; short lists on disk."""

from __future__ import annotations

import heapq
import itertools
import json
import tempfile
import weakref
from collections import Counter, defaultdict
from collections.abc import Iterable, Mapping
from dataclasses import asdict, dataclass, field
from typing import Any

from tagger.catalogue.flat import is_sdg, is_skill, short_code
from tagger.overrides import HUMAN, is_human
from tagger.records import Finding, Tag, TaggedCredential, TaggedOutcome

__all__ = ["GoalTally", "SkillTally", "Spool", "Tally", "decided_by", "segments"]


class Spool:
    """JSON values on disk (in memory while they are few), found again by the number that `add` gave."""

    def __init__(self) -> None:
        self._file = tempfile.SpooledTemporaryFile(max_size=8 << 20, prefix="tagger-report-")  # noqa: SIM115
        weakref.finalize(self, self._file.close)
        self._end = 0

    def add(self, value: Any) -> int:
        """Keep a value; returns its number."""
        line = json.dumps(value).encode() + b"\n"
        self._file.seek(self._end)
        self._file.write(line)
        number, self._end = self._end, self._end + len(line)
        return number

    def get(self, number: int) -> Any:
        """Return the value that `add` gave this number."""
        self._file.seek(number)
        return json.loads(self._file.readline())


@dataclass(slots=True)
class GoalTally:
    """What contributes to one goal.

    Attributes
    ----------
    expected : float
        Expected number of outcomes tagged rightly: the sum of their scores p.
    variance : float
        Of that number, if the scores are right and outcomes independent: the sum of p (1 - p).
    """

    label: str = ""
    n_credentials: int = 0
    n_outcomes: int = 0
    expected: float = 0.0
    variance: float = 0.0
    strongest: list[tuple[float, int, int]] = field(default_factory=list)  # score, -order, number in the spool


@dataclass(slots=True)
class SkillTally:
    """How often a skill occurs."""

    label: str
    type: str | None
    n_credentials: int = 0
    n_outcomes: int = 0


class Tally:
    """Everything that the report counts or lists.

    Parameters
    ----------
    max_listed : int
        Most credentials (and findings, untagged outcomes, problems) that are listed one by one.
    """

    def __init__(self, max_listed: int) -> None:
        self.max_listed = max_listed
        self.max_per_goal = max(1, max_listed // 8)
        self.spool = Spool()
        self.n_credentials = self.n_outcomes = self.n_from_description = 0
        self.n_sdg = self.n_skill = self.n_neither = self.n_no_outcomes = 0
        self.n_decided = self.n_rejected = 0
        self.n_problems = self.n_problem_rows = self.n_with_findings = self.n_not_fully_checked = 0
        self.severities: Counter[str] = Counter()
        self.rules: dict[str, Counter[str]] = defaultdict(Counter)
        self.goals: dict[str, GoalTally] = defaultdict(GoalTally)
        self.targets: dict[str, SkillTally] = {}
        self.skills: dict[tuple[str, str], SkillTally] = {}
        self.bloom: Counter[str] = Counter()
        self.bloom_labels: dict[str, str] = {}
        self.n_bloom = 0
        self.levels: dict[tuple[str | None, str | None], Counter[int | None]] = defaultdict(Counter)
        self.n_estimated = 0
        self.units: dict[str, dict[str | None, Counter[str]]] = {"faculty": {}, "provider": {}}
        self.n_per_unit: dict[str, Counter[str | None]] = {"faculty": Counter(), "provider": Counter()}
        self.not_checked: Counter[str] = Counter()
        self.models: set[tuple[str, str]] = set()
        self.taxonomies: set[tuple[str, str]] = set()
        self.credentials: list[int] = []
        self.findings: dict[str, list[int]] = defaultdict(list)
        self.untagged: list[int] = []
        self.problems: list[int] = []

    def add(self, tagged: TaggedCredential) -> None:
        """Count one credential."""
        self.n_credentials += 1
        anchor = self.n_credentials if len(self.credentials) < self.max_listed else None
        if anchor is not None:
            self.credentials.append(self.spool.add(tagged.to_dict()))
        self._outcomes(tagged, anchor)
        self._goals(tagged, anchor)
        self._level(tagged)
        self._findings(tagged, anchor)
        self._problems(tagged, anchor)

    def _outcomes(self, tagged: TaggedCredential, anchor: int | None) -> None:
        self.n_outcomes += len(tagged.outcomes)
        self.n_no_outcomes += not tagged.outcomes
        skills: dict[tuple[str, str], Tag] = {}
        for o in tagged.outcomes:
            has_sdg, has_skill = any(map(is_sdg, o.tags)), any(map(is_skill, o.tags))
            self.n_sdg += has_sdg
            self.n_skill += has_skill
            self.n_from_description += not o.outcome.is_stated
            self.n_decided += sum(map(is_human, o.tags))
            self.n_rejected += len(o.rejected)
            if not has_sdg and not has_skill:
                self.n_neither += 1
                if len(self.untagged) < self.max_listed:
                    self.untagged.append(self.spool.add({**_head(tagged, anchor), "text": o.outcome.text}))
            blooms = {t.label.casefold(): t.label for t in o.tags if t.taxonomy == "bloom"}
            self.bloom.update(blooms.keys())
            self.bloom_labels |= blooms
            self.n_bloom += bool(blooms)
            for t in o.tags:
                self.models.add((t.taxonomy, t.model))
                self.taxonomies.add((t.taxonomy, t.version))
                if is_skill(t):
                    skills[t.taxonomy, t.concept] = t
            for key in {(t.taxonomy, t.concept) for t in o.tags if is_skill(t)}:
                t = skills[key]
                self.skills.setdefault(key, SkillTally(t.label, t.type)).n_outcomes += 1
        for key in skills:
            self.skills[key].n_credentials += 1

    def _goals(self, tagged: TaggedCredential, anchor: int | None) -> None:
        best: dict[str, float] = {}
        carried: dict[str, list[dict[str, Any]]] = defaultdict(list)
        targets: dict[str, str] = {}
        for o in tagged.outcomes:
            of_targets = [t for t in o.tags if t.taxonomy == "sdg-targets" and t.relation != "mentions"]
            for code, t in {short_code(t.concept): t for t in of_targets}.items():
                targets[code] = t.label
                self.targets.setdefault(code, SkillTally(t.label, None)).n_outcomes += 1
            for code, t in {short_code(t.concept): t for t in o.tags if is_sdg(t)}.items():
                goal = self.goals[code]
                goal.label = t.label
                goal.n_outcomes += 1
                goal.expected += t.score
                goal.variance += t.score * (1 - t.score)
                best[code] = max(best.get(code, 0.0), t.score)
                carried[code].append(_carried(o, t, code, of_targets))
        for code in targets:
            self.targets[code].n_credentials += 1
        for code, score in best.items():
            goal = self.goals[code]
            goal.n_credentials += 1
            key = (score, -self.n_credentials)
            if len(goal.strongest) < self.max_per_goal or key > goal.strongest[0][:2]:
                entry = (*key, self.spool.add({**_head(tagged, anchor), "score": score, "outcomes": carried[code]}))
                if len(goal.strongest) < self.max_per_goal:
                    heapq.heappush(goal.strongest, entry)
                else:
                    heapq.heapreplace(goal.strongest, entry)
        for kind, unit in (("faculty", tagged.credential.faculty), ("provider", tagged.credential.provider)):
            self.units[kind].setdefault(unit, Counter()).update(best.keys())
            self.n_per_unit[kind][unit] += 1

    def _level(self, tagged: TaggedCredential) -> None:
        level = tagged.credential.level
        if level.estimated is None:
            return
        self.n_estimated += 1
        self.models.add(("eqf", level.estimated.model))
        self.levels[level.framework, level.stated][level.estimated.eqf] += 1

    def _findings(self, tagged: TaggedCredential, anchor: int | None) -> None:
        texts = {o.outcome.id: o.outcome.text for o in tagged.outcomes} if tagged.findings else {}
        for f in tagged.findings:
            self.severities[f.severity] += 1
            self.rules[f.rule][f.severity] += 1
            if len(self.findings[f.severity]) < self.max_listed:
                plain = {**asdict(f), "outcomes": [texts.get(i, i) for i in f.outcomes]}
                plain["marked"] = [_marked(f, i, texts) for i in f.outcomes]
                plain["parts"] = [{**p, "outcomes": [texts.get(i, i) for i in p["outcomes"]]} for p in plain["parts"]]
                self.findings[f.severity].append(self.spool.add({**_head(tagged, anchor), **plain}))
        self.n_with_findings += bool(tagged.findings)
        self.n_not_fully_checked += bool(tagged.not_checked)
        self.not_checked.update(tagged.not_checked)

    def _problems(self, tagged: TaggedCredential, anchor: int | None) -> None:
        problems = tagged.credential.problems
        self.n_problems += len(problems)
        self.n_problem_rows += bool(problems)
        for problem in problems[: max(0, self.max_listed - len(self.problems))]:
            self.problems.append(self.spool.add({**_head(tagged, anchor), **asdict(problem)}))


def _marked(finding: Finding, outcome: str, texts: Mapping[str, str]) -> list[tuple[str, bool]]:
    """Return the text of an outcome, cut at the words that caused the finding."""
    return segments(texts.get(outcome, outcome), ((e.start, e.end) for e in finding.evidence if e.outcome == outcome))


def _head(tagged: TaggedCredential, anchor: int | None) -> dict[str, Any]:
    c = tagged.credential
    return {"id": c.id, "title": c.title, "unit": c.faculty or c.provider, "lang": c.language, "anchor": anchor}


def _carried(o: TaggedOutcome, tag: Tag, goal: str, targets: Iterable[Tag]) -> dict[str, Any]:
    """Return an outcome that contributes to a goal, with the words that show it and the targets under that goal."""
    own = [t for t in targets if short_code(t.concept).split(".")[0] == goal]
    evidence = itertools.chain(tag.evidence, *(t.evidence for t in own))
    return {
        "segments": segments(o.outcome.text, ((e.start, e.end) for e in evidence)),
        "score": tag.score,
        "alone": tag.alone,
        "by": decided_by(tag.model),
        "targets": [{"code": short_code(t.concept), "label": t.label, "score": t.score} for t in own],
    }


def decided_by(model: str) -> str | None:
    """Return who decided on a tag with this `Tag.model`; None where a model made it.

    Examples
    --------
    >>> decided_by("review:Ann+Ben"), decided_by("sdg@1.0.0")
    ('Ann, Ben', None)
    """
    return model.removeprefix(HUMAN).replace("+", ", ") if model.startswith(HUMAN) else None


def segments(text: str, spans: Iterable[tuple[int, int]]) -> list[tuple[str, bool]]:
    """Cut a text into pieces that are inside (True) or outside (False) of `spans`; overlapping spans are joined.

    Examples
    --------
    >>> segments("Design a rain garden", [(9, 13), (12, 20)])
    [('Design a ', False), ('rain garden', True)]
    """
    pieces: list[tuple[str, bool]] = []
    at = 0
    for start, end in _merged(spans, len(text)):
        if start > at:
            pieces.append((text[at:start], False))
        pieces.append((text[start:end], True))
        at = end
    if at < len(text):
        pieces.append((text[at:], False))
    return pieces


def _merged(spans: Iterable[tuple[int, int]], n: int) -> list[tuple[int, int]]:
    merged: list[tuple[int, int]] = []
    for start, end in sorted((max(0, s), min(n, e)) for s, e in spans):
        if start >= end:
            continue
        if merged and start <= merged[-1][1]:
            merged[-1] = (merged[-1][0], max(end, merged[-1][1]))
        else:
            merged.append((start, end))
    return merged
