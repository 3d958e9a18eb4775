"""The report: every figure is right, nothing is fetched, nothing of a catalogue is executed."""

from __future__ import annotations

import math
import random
import re
from collections.abc import Iterator
from dataclasses import replace
from html.parser import HTMLParser
from itertools import pairwise
from pathlib import Path

import pytest

from tagger.errors import CatalogueError
from tagger.records import (
    Credential,
    Evidence,
    Finding,
    LearningOutcome,
    Level,
    LevelEstimate,
    Problem,
    Size,
    Tag,
    TaggedCredential,
    TaggedOutcome,
)
from tagger.report import ReportBuilder
from tagger.report.tally import Tally, segments
from tagger.report.words import GOALS, ink_on, luminance

# A catalogue ---------------------------------------------------------------------------------------------------------

GOAL_NAMES = {g.number: g.name for g in GOALS}
TARGETS = {
    "6.4": "Use water more efficiently and secure its supply",
    "6.3": "Less pollution of water",
    "7.2": "A larger share of renewable energy",
    "12.5": "Less waste through prevention, repair and recycling",
    "5.5": "Full part of women in decisions",
    "13.3": "Knowledge and capacity on climate change",
    "3.4": "Fewer early deaths from chronic disease",
}

# Outcome with {evidence} in braces; goal or None; target or None; skills; Bloom.
POOL: tuple[tuple[str, str | None, str | None, tuple[str, ...], str], ...] = (
    ("Design a {rainwater harvesting} system for a small settlement", "6", "6.4", ("design water systems",), "Create"),
    ("Test {drinking water} for common pollutants and report the result", "6", "6.3", ("test water quality",), "Apply"),
    ("Compare the yield of {solar and wind power} at a given site", "7", "7.2", ("renewable energy",), "Analyse"),
    ("Apply {life-cycle assessment} to a household product", "12", "12.5", ("life cycle assessment",), "Apply"),
    ("Set up a scheme to {repair and reuse} furniture", "12", "12.5", ("manage waste", "plan projects"), "Create"),
    ("Assess the barriers to {women in leading positions}", "5", "5.5", ("gender studies",), "Evaluate"),
    ("Explain how {a warming climate} changes harvests", "13", "13.3", ("climatology",), "Understand"),
    ("Care for patients with {chronic heart disease} at home", "3", "3.4", ("nursing care",), "Apply"),
    ("Judge whether a {street plan} serves those who walk and cycle", "11", None, ("urban planning",), "Evaluate"),
    ("Plan {accessible lessons} for learners with low vision", "4", None, ("lesson planning",), "Create"),
    ("Restore {wet meadows} and follow how species return", "15", None, ("ecology", "habitat survey"), "Apply"),
    ("Trace {bribes in public tenders} from open data", "16", None, ("analyse data", "public procurement"), "Analyse"),
    ("Write clear functions and test them", None, None, ("Python", "software testing"), "Apply"),
    ("Draw a network plan and find its critical path", None, None, ("plan projects",), "Apply"),
    ("Estimate a mean and its interval from a sample", None, None, ("statistics", "analyse data"), "Apply"),
    ("Interpret a balance sheet", None, None, ("accounting",), "Understand"),
    ("Present a proposal to a critical audience", None, None, ("present to an audience",), "Apply"),
    ("Name the parts of a contract of sale", None, None, ("contract law",), "Remember"),
    ("Reflect on personal growth", None, None, (), "Understand"),
    ("Be aware of current developments in the field", None, None, (), "Understand"),
)
SUBJECTS = ("Water", "Energy", "Repair", "Care", "Cities", "Data", "Leadership", "Meadows", "Contracts", "Teaching")
KINDS = ("in practice", "for beginners", "and society", "at home", "under pressure", "step by step")
FACULTIES = ("Engineering", "Health Sciences", "Business and Law", "Natural Sciences", "Education", None)
LEVELS = (("FHEQ", "6"), ("FHEQ", "7"), ("EQF", "5"), ("NZQCF", "4"), (None, None))


def make_tag(taxonomy: str, concept: str, label: str, score: float, **more: object) -> Tag:
    version = {"sdg": "2017", "sdg-targets": "2017", "esco": "1.2.0", "bloom": "2001"}[taxonomy]
    return replace(Tag(taxonomy, version, concept, label, score, None, (), f"{taxonomy}@1.0.0"), **more)  # type: ignore[arg-type]


def make_outcome(credential_id: str, n: int, choice: int, draw: random.Random) -> TaggedOutcome:
    marked, goal, target, skills, bloom = POOL[choice]
    start, end = marked.find("{"), marked.find("}") - 1
    text = marked.replace("{", "").replace("}", "")
    evidence = (Evidence(start, end, text[start:end]),) if start >= 0 else ()
    tags = []
    if goal:
        more = {"relation": "contributes", "evidence": evidence}
        iri = f"http://metadata.un.org/sdg/{goal}"
        tags.append(make_tag("sdg", iri, GOAL_NAMES[goal], round(draw.uniform(0.55, 0.99), 3), **more))
        if target:
            iri = f"http://metadata.un.org/sdg/{target}"
            tags.append(make_tag("sdg-targets", iri, TARGETS[target], round(draw.uniform(0.5, 0.9), 3), **more))
    for i, skill in enumerate(skills):
        kind = "skill" if " " in skill and i == 0 else "knowledge"
        iri = f"http://data.europa.eu/esco/skill/{skill.replace(' ', '-')}"
        tags.append(make_tag("esco", iri, skill, round(draw.uniform(0.5, 0.98), 3), type=kind))
    tags.append(make_tag("bloom", f"urn:outcome-tagger:bloom:{bloom.lower()}", bloom, 0.8))
    return TaggedOutcome(LearningOutcome(f"{credential_id}/{n}", text), tuple(tags))


def catalogue(n_credentials: int = 60) -> Iterator[TaggedCredential]:
    draw = random.Random(7)
    for i in range(n_credentials):
        credential_id = f"MC-{101 + i}"
        # Each faculty has a leaning, so that the matrix has a pattern.
        lean = [c for c in range(len(POOL)) if c % 5 == i % 5] * 2 + list(range(len(POOL)))
        chosen = list(dict.fromkeys(draw.choice(lean) for _ in range(draw.randint(3, 9))))
        outcomes = tuple(make_outcome(credential_id, n, c, draw) for n, c in enumerate(chosen, 1))
        framework, stated = LEVELS[i % len(LEVELS)]
        likely = {"6": 6, "7": 7, "5": 5, "4": 4, None: 6}[stated] + draw.choice((0, 0, 0, -1, 1))
        shares = {str(level): 0.7 if level == likely else 0.3 / 7 for level in range(1, 9)}
        estimate = LevelEstimate(None if i % 11 == 0 else likely, shares, "level@1.0.0")
        credits = None if i % 7 == 0 else float(draw.choice((2, 5, 10)))
        problems = (
            (Problem("courses.csv", i + 2, "credits", "about ten", "is not a number", "write 10, or leave it empty"),)
            if i % 21 == 0
            else ()
        )
        findings = list(make_findings(outcomes, credits, framework, stated, likely))
        yield TaggedCredential(
            Credential(
                id=credential_id,
                title=f"{SUBJECTS[i % 10]} {KINDS[i % 6]}",
                outcomes=tuple(o.outcome for o in outcomes),
                provider="University of Example",
                faculty=FACULTIES[i % 6],
                size=Size(credits, "ECTS", None if credits is None else (25 * credits, 30 * credits)),
                level=Level(framework, stated, estimate),
                row=i + 2,
                problems=problems,
            ),
            outcomes,
            (),
            tuple(findings),
            ("size: no credits given", "density: the notional hours are not known") if credits is None else (),
        )


def make_findings(
    outcomes: tuple[TaggedOutcome, ...], credits: float | None, framework: str | None, stated: str | None, likely: int
) -> Iterator[Finding]:
    ids = tuple(o.outcome.id for o in outcomes)
    if credits is not None and len(outcomes) > 2.4 * math.sqrt(credits) + 2:
        yield Finding(
            "density",
            "red" if credits < 4 else "amber",
            len(outcomes),
            round(2.4 * math.sqrt(credits) + 1, 1),
            "outcomes",
            "this catalogue, 60 credentials",
            ids[-2:],
            f"{len(outcomes)} outcomes for {credits:g} ECTS is more than in nine of ten credentials of this size.",
            "Merge outcomes that are assessed together, or spread them over two credentials.",
        )
    if stated is not None and abs(likely - int(stated)) >= 1 and framework == "FHEQ":
        yield Finding(
            "level-mismatch",
            "amber",
            f"EQF {likely}",
            f"{framework} {stated}",
            None,
            "crosswalk of the framework",
            (),
            "The outcomes read like those of another level than the one stated. That is unusual, and not wrong as such.",
            "Compare the verbs with the level descriptor.",
        )
    for o in outcomes:
        if o.outcome.text.startswith("Be aware"):
            yield Finding(
                "wording-vague",
                "info",
                None,
                None,
                None,
                None,
                (o.outcome.id,),
                "“Be aware of” is hard to assess.",
                "Say what a learner does to show it.",
            )


def report(items: list[TaggedCredential], **settings: int) -> str:
    builder = ReportBuilder("University of Example, short courses 2026", **settings)  # type: ignore[arg-type]
    for item in items:
        builder.add(item)
    return builder.render()


@pytest.fixture(scope="module")
def items() -> list[TaggedCredential]:
    return list(catalogue())


@pytest.fixture(scope="module")
def html(items: list[TaggedCredential]) -> str:
    return report(items)
