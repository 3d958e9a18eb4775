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
            "The outcomes read like those of another level than the one stated. That is unusual, not wrong.",
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


class Page(HTMLParser):
    """Tags with attributes, and whether they are closed in order."""

    VOID = frozenset({"meta", "input", "br"})

    def __init__(self, html: str) -> None:
        super().__init__()
        self.elements: list[tuple[str, dict[str, str | None]]] = []
        self.open: list[str] = []
        self.feed(html)
        self.close()

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.elements.append((tag, dict(attrs)))
        if tag not in self.VOID:
            self.open.append(tag)

    def handle_endtag(self, tag: str) -> None:
        assert self.open and self.open.pop() == tag, f"</{tag}> out of order"


def text_of(html: str) -> str:
    body = re.sub(r"<(style|script)>.*?</\1>", "", html, flags=re.DOTALL)
    return " ".join(re.sub(r"<[^>]+>", " ", body).replace("&nbsp;", " ").split())


def part(html: str, section: str) -> str:
    return html[html.index(f'<section id="{section}"') :].split("</section>", 1)[0]


# Figures -------------------------------------------------------------------------------------------------------------


def test_headline_figures(items: list[TaggedCredential], html: str) -> None:
    outcomes = [o for item in items for o in item.outcomes]
    n_sdg = sum(any(t.taxonomy == "sdg" for t in o.tags) for o in outcomes)
    n_neither = sum(not any(t.taxonomy in ("sdg", "esco") for t in o.tags) for o in outcomes)
    tiles = dict(re.findall(r"<dt>([^<]+)</dt><dd>([\d,]+)</dd>", part(html, "glance")))
    assert tiles == {
        "Credentials": "60",
        "Learning outcomes": str(len(outcomes)),
        "With an SDG": str(n_sdg),
        "With a skill": str(sum(any(t.taxonomy == "esco" for t in o.tags) for o in outcomes)),
        "With neither": str(n_neither),
        "Findings": str(sum(len(item.findings) for item in items)),
        "Not fully checked": str(sum(bool(item.not_checked) for item in items)),
        "Rows with problems": str(sum(bool(item.credential.problems) for item in items)),
    }


def test_expected_number_and_its_spread(items: list[TaggedCredential], html: str) -> None:
    scores = [t.score for item in items for o in item.outcomes for t in o.tags if t.concept.endswith("/sdg/6")]
    spread = math.sqrt(sum(p * (1 - p) for p in scores))
    assert f"expected {sum(scores):.1f} ± {spread:.1f}" in text_of(part(html, "goals"))


def test_every_goal_stands_there_with_numbers(html: str) -> None:
    text = text_of(part(html, "goals"))
    for goal in GOALS:
        assert re.search(rf"Goal {goal.number} {re.escape(goal.name)} \d+ credentials? \d+ outcomes?", text), goal


def test_a_mention_is_no_contribution() -> None:
    mention = make_tag("sdg", "http://metadata.un.org/sdg/7", GOAL_NAMES["7"], 0.9, relation="mentions")
    outcome = TaggedOutcome(LearningOutcome("A/1", "Solve equations from energy systems"), (mention,))
    html = report([TaggedCredential(Credential("A", outcomes=(outcome.outcome,)), (outcome,))])
    assert "Affordable and clean energy 0 credentials 0 outcomes" in text_of(part(html, "goals"))
    assert "mentions SDG 7" in text_of(part(html, "credentials"))


def test_matrix_adds_up(items: list[TaggedCredential], html: str) -> None:
    rows = re.findall(r'<tr><th scope="row">([^<]+)</th><td class="n">(\d+)</td>(.*?)</tr>', part(html, "goals"))
    assert [name for name, *_ in rows][-1] == "not stated"
    assert sum(int(n) for _, n, _ in rows) == 60
    n_cells = sum(int(n) for *_, cells in rows for n in re.findall(r">(\d+)</td>", cells))
    goals = [{t.concept for o in item.outcomes for t in o.tags if t.taxonomy == "sdg"} for item in items]
    assert n_cells == sum(map(len, goals))


def test_matrix_by_provider_and_none_for_one_unit(items: list[TaggedCredential]) -> None:
    bare = [replace(i, credential=replace(i.credential, faculty=None)) for i in items[:6]]
    assert "Goals by" not in report(bare)
    bare[0] = replace(bare[0], credential=replace(bare[0].credential, provider="Another"))
    assert "Goals by provider" in report(bare)


def test_skills_are_ranked_and_limited() -> None:
    tags = tuple(make_tag("esco", f"http://data.europa.eu/esco/skill/{i}", f"skill {i:02}", 0.9) for i in range(40))
    outcomes = tuple(TaggedOutcome(LearningOutcome(f"A/{n}", f"Outcome {n}"), tags[n:]) for n in (0, 20))
    section = part(report([TaggedCredential(Credential("A"), outcomes)]), "skills")
    assert "40 different concepts; the 30 most frequent" in text_of(section)
    labels = re.findall(r'<th scope="row">(skill \d+)</th>', section)
    assert labels == [f"skill {i:02}" for i in [*range(20, 40), *range(10)]]


def test_levels_mark_where_stated_and_estimated_agree(html: str) -> None:
    rows = re.findall(r'<tr><th scope="row">([^<]+)</th>(.*?)</tr>', part(html, "levels").split('class="cross"')[1])
    assert {name for name, _ in rows} >= {"EQF 5", "NZQCF 4", "no level stated"}
    [cells] = [cells for name, cells in rows if name == "EQF 5"]
    assert [i for i, c in enumerate(re.findall(r"<td[^>]*>", cells)[:8], 1) if " same" in c] == [5]


def test_bloom_is_in_order(html: str) -> None:
    labels = re.findall(r'<th scope="row">([^<]+)</th>', part(html, "levels").split('class="cross"')[0])
    assert labels == ["Remember", "Understand", "Apply", "Analyse", "Evaluate", "Create"]


def test_findings_are_grouped_and_worst_first(items: list[TaggedCredential], html: str) -> None:
    section = part(html, "findings")
    assert re.findall(r"<h3>([^<]+)</h3>", section)[:3] == ["Density", "Level", "Wording: vague"]
    for group in section.split('<details class="rule"')[1:]:
        order = re.findall(r'<article class="finding (\w+)"', group)
        assert order == sorted(order, key=["red", "amber", "info"].index)
    assert section.count("<article") == sum(len(i.findings) for i in items)
    first = text_of(section[section.index("<article") :].split("</article>")[0])
    assert "What to do Merge" in first
    assert "Limit 4.4 outcomes" in first
    assert "Held against this catalogue" in first
    assert "2 outcomes behind this" in first


def test_what_was_not_checked_is_counted(html: str) -> None:
    section = part(html, "findings")
    assert re.search(r"size</th><td>no credits given</td><td class=\"n\">9</td>", section)


def test_evidence_is_marked(html: str) -> None:
    assert "Care for patients with <mark>chronic heart disease</mark> at home" in part(html, "goals")


def test_evidence_beyond_the_text_does_no_harm() -> None:
    assert segments("abc", [(-5, 1), (2, 99), (7, 9)]) == [("a", True), ("b", False), ("c", True)]
    assert segments("abc", []) == [("abc", False)]
    assert segments("abc", [(1, 1)]) == [("abc", False)]


def test_how_it_was_made_names_versions_and_owners(html: str) -> None:
    text = text_of(part(html, "method"))
    for words in ("esco@1.0.0", "level@1.0.0", "1.2.0", "ESCO classification of the European Commission"):
        assert words in text
    assert "has not been approved by the United Nations" in text
    assert "never “wrong”" in text


# Limits --------------------------------------------------------------------------------------------------------------


def test_what_is_left_out_is_said(items: list[TaggedCredential]) -> None:
    builder = ReportBuilder("Long", max_listed=10)
    for item in items:
        builder.add(item)
    html = builder.render(full_list="tagged.jsonl")
    assert html.count('<details class="card"') == 10
    assert "10 of 60 credentials are listed here. All of them are in <code>tagged.jsonl</code>" in html
    n_findings = sum(len(i.findings) for i in items)
    assert f"10 of {n_findings} findings, the most serious first, are listed" in html
    listed = re.findall(r'<article class="finding (\w+)"', html)
    assert listed == ["red"] * 10  # the worst, wherever they stand in the file
    anchors = set(re.findall(r'id="(c\d+)"', html))
    assert set(re.findall(r'href="#(c\d+)"', html)) <= anchors
    assert len(text_of(part(html, "untagged")).split("MC-")) - 1 == 10


def test_per_goal_the_surest_are_listed(items: list[TaggedCredential]) -> None:
    tally = Tally(max_listed=16)  # two per goal
    for item in items:
        tally.add(item)
    best = [
        max((t.score for o in i.outcomes for t in o.tags if t.concept.endswith("/sdg/6")), default=0) for i in items
    ]
    assert sorted((s for s, *_ in tally.goals["6"].strongest), reverse=True) == sorted(best, reverse=True)[:2]


def test_max_listed_must_be_positive() -> None:
    with pytest.raises(ValueError, match="Got 0"):
        ReportBuilder("x", max_listed=0)


# The page ------------------------------------------------------------------------------------------------------------


def test_page_is_well_formed(html: str) -> None:
    page = Page(html)
    assert page.open == []
    ids = [a["id"] for _, a in page.elements if "id" in a]
    assert len(ids) == len(set(ids))
    for tag, a in page.elements:
        if tag == "a":
            assert (a["href"] or "").removeprefix("#") in ids
        for name in ("aria-labelledby",):
            assert a.get(name) is None or a[name] in ids


def test_headings_do_not_skip_a_level(html: str) -> None:
    levels = [int(tag[1]) for tag, _ in Page(html).elements if re.fullmatch(r"h\d", tag)]
    assert levels[0] == 1 and levels.count(1) == 1
    assert all(b - a <= 1 for a, b in pairwise(levels))


def test_controls_and_tables_are_labelled(html: str) -> None:
    elements = Page(html).elements
    assert all(a.get("scope") for tag, a in elements if tag == "th")
    form = html[html.index("<form") : html.index("</form>")]
    for control in re.findall(r"<(?:input|select)", form):
        assert control
    assert form.count("<label") == form.count("<input") + form.count("<select")


def test_nothing_is_fetched(html: str) -> None:
    page = Page(html)
    fetching = {"link", "img", "iframe", "object", "embed", "video", "audio", "source", "base"}
    assert not fetching & {tag for tag, _ in page.elements}
    for _, attributes in page.elements:
        assert "src" not in attributes and "srcset" not in attributes
        assert (attributes.get("href") or "#").startswith("#")
    style = html[html.index("<style>") : html.index("</style>")]
    assert "url(" not in style and "@import" not in style and "@font-face" not in style
    script = html[html.index("<script>") : html.index("</script>")]
    assert not re.search(r"fetch|XMLHttpRequest|import\(|WebSocket|eval|innerHTML", script)


def test_policy_allows_this_script_and_no_other(html: str) -> None:
    import base64
    import hashlib

    script = html.split("<script>")[1].split("</script>")[0]
    digest = base64.b64encode(hashlib.sha256(script.encode()).digest()).decode()
    assert f"script-src 'sha256-{digest}'" in html
    assert "default-src 'none'" in html


NASTY = "</script><script>alert(1)</script><img src=x onerror=alert(1)> \" ' & {{ 7*7 }} {% x %}"


def test_catalogue_text_is_never_markup() -> None:
    evil = make_tag("esco", NASTY, NASTY, 0.9, version=NASTY, model=NASTY, type=NASTY)
    goal = make_tag("sdg", "http://metadata.un.org/sdg/4", NASTY, 0.9, evidence=(Evidence(0, 9, ""),))
    odd = make_tag("sdg", "http://example.org/" + NASTY, NASTY, 0.9)
    target = make_tag("sdg-targets", "http://metadata.un.org/sdg/4.1", NASTY, 0.9)
    outcome = TaggedOutcome(LearningOutcome(NASTY, NASTY), (evil, goal, odd, target))
    bare = TaggedOutcome(LearningOutcome("b", NASTY), (make_tag("bloom", NASTY, NASTY, 0.5),))
    credential = Credential(
        id=NASTY,
        title=NASTY,
        provider=NASTY,
        faculty=NASTY,
        language=NASTY,
        size=Size(1.0, NASTY),
        level=Level(NASTY, NASTY, LevelEstimate(3, {"3": 1.0}, NASTY)),
        problems=(Problem(NASTY, 1, NASTY, NASTY, NASTY, NASTY),),
    )
    finding = Finding(NASTY, NASTY, NASTY, NASTY, NASTY, NASTY, (NASTY,), NASTY, NASTY)
    tagged = TaggedCredential(credential, (outcome, bare), (), (finding,), (NASTY, f"size: {NASTY}"))
    builder = ReportBuilder(NASTY, language=NASTY)
    builder.add(tagged)
    builder.add(replace(tagged, credential=replace(credential, faculty="other")))
    html = builder.render(date=NASTY, full_list=NASTY)
    page = Page(html)
    assert html.count("<script>") == 1
    assert not {"img"} & {tag for tag, _ in page.elements}
    assert not [a for _, a in page.elements if any(name.startswith("on") for name in a)]
    assert "49" not in text_of(part(html, "untagged"))


def test_odd_numbers_and_empty_records() -> None:
    finding = Finding("size-hours", "info", float("nan"), 0, None, None, (), "m", "")
    item = TaggedCredential(Credential("A"), (), (), (replace(finding), replace(finding, measured=5, limit=2)))
    html = report([item])
    assert "No learning outcomes were found" in html
    assert Page(html).open == []
    assert 'class="meter beyond"' in html


def test_an_empty_catalogue() -> None:
    html = report([])
    assert "This catalogue is empty." in html
    assert Page(html).open == []


def test_same_catalogue_same_bytes_and_no_clock(items: list[TaggedCredential], html: str, tmp_path: Path) -> None:
    assert report(items) == html
    builder = ReportBuilder("A")
    for item in items:
        builder.add(item)
    builder.write(tmp_path / "a.html")
    builder.write(tmp_path / "b.html")
    assert (tmp_path / "a.html").read_bytes() == (tmp_path / "b.html").read_bytes()
    builder.write(tmp_path / "b.html", date="1 March 2026")
    assert "1 March 2026" in (tmp_path / "b.html").read_text("utf-8")
    assert sorted(p.name for p in tmp_path.iterdir()) == ["a.html", "b.html"]


def test_language_of_the_catalogue_is_marked(items: list[TaggedCredential]) -> None:
    builder = ReportBuilder("Cours", language="fr")
    builder.add(items[0])
    builder.add(replace(items[1], credential=replace(items[1].credential, language="en")))
    html = builder.render()
    titles = re.findall(r'<span class="title"([^>]*)>[^<]*</span> <span class="marks">', html)
    assert titles == [' lang="fr"', ""]


def test_write_errors_name_the_file(tmp_path: Path) -> None:
    with pytest.raises(CatalogueError, match=r"missing.r\.html`: cannot write"):
        ReportBuilder("A").write(tmp_path / "missing" / "r.html")
    (tmp_path / "r.html").mkdir()
    with pytest.raises(CatalogueError, match="cannot write"):
        ReportBuilder("A").write(tmp_path / "r.html")
    assert [p.name for p in tmp_path.iterdir()] == ["r.html"]


# Contrast ------------------------------------------------------------------------------------------------------------


def contrast(a: str, b: str) -> float:
    low, high = sorted((luminance(a), luminance(b)))
    return (high + 0.05) / (low + 0.05)


@pytest.mark.parametrize("goal", GOALS, ids=lambda g: g.number)
def test_goal_numbers_can_be_read(goal: object) -> None:
    colour = goal.colour  # type: ignore[attr-defined]
    assert contrast(colour, ink_on(colour)) >= 4.5


@pytest.mark.parametrize("scheme", [0, 1], ids=["light", "dark"])
def test_text_meets_wcag_aa(html: str, scheme: int) -> None:
    block = re.findall(r":root \{(.*?)\}", html, flags=re.DOTALL)[scheme]
    c = {
        k: v if len(v) == 7 else "#" + "".join(d * 2 for d in v[1:])
        for k, v in re.findall(r"--([\w-]+): (#\w+)", block)
    }
    for ink in ("ink", "soft", "accent"):
        for paper in ("paper", "card", "faint"):
            assert contrast(c[ink], c[paper]) >= 4.5, (ink, paper)
    for name in ("red", "amber", "info"):
        assert contrast(c[name], c[f"{name}-bg"]) >= 4.5, name
    assert contrast(c["ink"], c["mark"]) >= 4.5
    assert contrast(c["bar"], c["paper"]) >= 3
