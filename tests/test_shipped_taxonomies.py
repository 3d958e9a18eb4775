"""The taxonomies that come with the program: complete, sound, in our own words."""

from __future__ import annotations

import csv
import gzip
import re
import time
from pathlib import Path

import pytest

from tagger.shipped import shipped
from tagger.taxonomy import load_taxonomy, shipped_taxonomies, size_rules, verify_taxonomy

FRAMEWORKS = {
    "eqf": 8,
    "fheq": 8,
    "scqf": 12,
    "nfq": 10,
    "nzqcf": 10,
    "aqf": 10,
    "sanqf": 10,
    "acqf": 10,
    "mqf": 8,
    "knqf": 10,
}
CODE_LISTS = {"onet": 120, "digcomp": 21, "greencomp": 12, "lifecomp": 9, "entrecomp": 15}
VERBS = {"bloom": 6, "solo": 5, "dok": 4}
COUNTS = {"sdg": 17, "sdg-targets": 169, "esco": 13_939, **VERBS, **CODE_LISTS, **FRAMEWORKS}
UUID = r"[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}"
IRIS = {
    "sdg": r"http://metadata\.un\.org/sdg/([1-9]|1[0-7])",
    "sdg-targets": r"http://metadata\.un\.org/sdg/([1-9]|1[0-7])\.([1-9]|1[0-9]|[a-d])",
    "esco": rf"http://data\.europa\.eu/esco/skill/{UUID}",
    "onet": r"https://www\.onetonline\.org/find/descriptor/result/(1\.A|2\.[ABC])(\.[0-9a-z]+)+",
    **{name: rf"urn:outcome-tagger:{name}:[0-9psl][0-9.]*" for name in CODE_LISTS if name != "onet"},
    "solo": r"urn:outcome-tagger:solo:[a-z-]+",
    "eqf": r"http://data\.europa\.eu/snb/eqf/[1-8]",
    "scqf": r"http://data\.europa\.eu/snb/qdr/c_[0-9a-f]{8}",
}
N_TARGETS = dict(zip(range(1, 18), (7, 8, 13, 10, 9, 8, 5, 12, 8, 10, 10, 11, 5, 10, 12, 12, 19), strict=True))
SHARED = Path(__file__).resolve().parent.parent.parent / "shared" / "data"


def words(text: str) -> list[str]:
    return re.findall(r"[a-z0-9]+", text.lower())


def test_nothing_is_shipped_that_is_not_tested_here():
    assert set(shipped_taxonomies()) == set(COUNTS)


@pytest.mark.parametrize("name", COUNTS)
def test_a_shipped_taxonomy_is_sound_and_complete(name):
    taxonomy = load_taxonomy(name)
    assert verify_taxonomy(taxonomy.path) == []
    assert taxonomy.id == name == taxonomy.path.name
    assert len(taxonomy) == COUNTS[name]
    assert taxonomy.attribution
    assert taxonomy.ordered == (name in FRAMEWORKS or name in ("bloom", "solo", "dok"))
    pattern = IRIS.get(name, rf"urn:outcome-tagger:{name}:[a-z0-9]+")
    assert [c.id for c in taxonomy.concepts if not re.fullmatch(pattern, c.id)] == []
    for concept in taxonomy.concepts:
        assert concept.label not in concept.alt_labels
        assert len(set(concept.alt_labels)) == len(concept.alt_labels)
        assert concept.label == concept.label.strip() and "  " not in concept.label


@pytest.mark.parametrize("name", sorted(set(COUNTS) - {"esco"}))
def test_every_concept_is_described_once(name):
    concepts = load_taxonomy(name).concepts
    n_words = {c.id: len(words(c.description or "")) for c in concepts}
    low, high = (24, 60) if name.startswith("sdg") else (12, 60)
    assert {iri: n for iri, n in n_words.items() if not low <= n <= high} == {}
    assert len({c.description for c in concepts}) == len(concepts)


def test_goals_and_targets_fit_together():
    goals, targets = load_taxonomy("sdg"), load_taxonomy("sdg-targets")
    assert [g.notation for g in goals.concepts] == [str(n) for n in range(1, 18)]
    for goal in goals.concepts:
        below = [t for t in targets.concepts if t.broader == (goal.id,)]
        assert len(below) == N_TARGETS[int(goal.notation)]
        assert all(t.notation.startswith(f"{goal.notation}.") and t.id.endswith(f"/{t.notation}") for t in below)
    assert all(5 <= len(c.alt_labels) <= 16 for c in (*goals.concepts, *targets.concepts))
    assert goals.get("6").label == "Clean water and sanitation"
    assert targets.get("6.3").broader == ("http://metadata.un.org/sdg/6",)


def test_descriptions_of_goals_and_targets_are_not_the_official_wording():
    file = SHARED / "sdg" / "sdg_goals_targets_indicators_multilingual.csv"
    if not file.is_file():
        pytest.skip("the official wording is not part of the repository")
    n_run = 8
    with file.open(encoding="utf-8", newline="") as rows:
        official = [words(r["label_en"]) for r in csv.DictReader(rows)]
    runs = {tuple(text[i : i + n_run]) for text in official for i in range(len(text) - n_run + 1)}
    for name in ("sdg", "sdg-targets"):
        for concept in load_taxonomy(name).concepts:
            own = words(f"{concept.label} {concept.description}")
            shared = [own[i : i + n_run] for i in range(len(own) - n_run + 1) if tuple(own[i : i + n_run]) in runs]
            assert shared == [], concept.id


def test_descriptions_of_code_lists_are_not_the_official_wording():
    files = {
        "skills/onet_29.3_content_model_reference.csv.gz": "Description",
        "skills/eu_competence_frameworks_en.csv": "text",
    }
    if not all((SHARED / name).is_file() for name in files):
        pytest.skip("the official wording is not part of the repository")
    n_run = 6
    official = []
    for name, column in files.items():
        content = (SHARED / name).read_bytes()
        text = (gzip.decompress(content) if name.endswith(".gz") else content).decode("utf-8")
        official += [words(r[column]) for r in csv.DictReader(text.splitlines(keepends=True))]
    runs = {tuple(text[i : i + n_run]) for text in official for i in range(len(text) - n_run + 1)}
    for name in CODE_LISTS:
        for concept in load_taxonomy(name).concepts:
            own = words(concept.description)
            shared = [own[i : i + n_run] for i in range(len(own) - n_run + 1) if tuple(own[i : i + n_run]) in runs]
            assert shared == [], concept.id


@pytest.mark.parametrize("name", CODE_LISTS)
def test_code_lists_have_groups_and_say_what_is_whose(name):
    taxonomy = load_taxonomy(name)
    groups = {g.id for g in taxonomy.groups}
    assert all(c.broader and set(c.broader) <= groups and c.notation for c in taxonomy.concepts)
    assert "program's own" in taxonomy.attribution
    assert taxonomy.get(taxonomy.concepts[3].notation) is taxonomy.concepts[3]


def test_bloom_rises_from_remember_to_create():
    bloom = load_taxonomy("bloom")
    assert [c.label for c in bloom.concepts] == ["Remember", "Understand", "Apply", "Analyse", "Evaluate", "Create"]
    assert bloom.get("apply").id == "urn:outcome-tagger:bloom:apply"
    verbs = [v for c in bloom.concepts for v in c.alt_labels]
    assert len(verbs) == len(set(verbs))


def test_esco_has_labels_and_types_and_no_sentence():
    esco = load_taxonomy("esco")
    assert esco.attribution == "This service uses the ESCO classification of the European Commission."
    kinds = [c.type for c in esco.concepts]
    assert (kinds.count("skill"), kinds.count("knowledge"), kinds.count(None)) == (10_715, 3_219, 5)
    assert sum(len(c.alt_labels) for c in esco.concepts) > 84_000
    assert all(c.description is None for c in esco.concepts)
    for concept in esco.concepts:
        for label in (concept.label, *concept.alt_labels):
            assert len(label) <= 200
            assert not re.search(r"[a-z]{3}[.?] [A-Z]", label), label
    folders = {g.id for g in esco.groups}
    assert {b for c in (*esco.concepts, *esco.groups) for b in c.broader} <= folders
    assert (esco.path / "concepts.csv").stat().st_size < 8_000_000


def test_concepts_of_earlier_versions_are_not_in_this_one():
    esco = load_taxonomy("esco")
    with (esco.path / "retired.csv").open(encoding="utf-8", newline="") as file:
        retired = list(csv.DictReader(file))
    assert len(retired) > 190
    for row in retired:
        assert re.fullmatch(IRIS["esco"], row["id"])
        assert row["label"]
        assert esco.get(row["id"]) is None


def test_esco_loads_fast():
    esco = load_taxonomy("esco")
    begin = time.process_time()
    from tagger.taxonomy import _read

    _read(esco.path)
    assert time.process_time() - begin < 1.0  # 0.2 s on an idle machine


@pytest.mark.parametrize("name", FRAMEWORKS)
def test_a_level_framework_has_levels_crosswalk_and_a_size_rule(name):
    framework = load_taxonomy(name)
    assert framework.framework == name.upper()
    levels = [c.level for c in framework.concepts]
    assert levels == [str(n) for n in range(1, len(levels) + 1)]
    assert all(c.notation == c.level and c.type == "level" for c in framework.concepts)
    assert framework.crosswalk and framework.size_rules
    lowest = [c.eqf[0] for level in levels if (c := framework.crosswalk.get(level))]
    assert lowest == sorted(lowest)
    for rule in framework.size_rules:
        assert rule.framework == name
        assert set(rule.levels) <= set(levels)
    for award in framework.awards:
        assert award.levels and (award.min_credits or award.min_hours)
        assert award.system in {None, *(r.system for r in framework.size_rules)}


@pytest.mark.parametrize(
    ("framework", "level", "eqf"),
    [
        ("eqf", "6", (6,)),
        ("fheq", "4", (5,)),
        ("fheq", "5", (5,)),
        ("fheq", "6", (6,)),
        ("fheq", "7", (7,)),
        ("scqf", "7", (5,)),
        ("scqf", "10", (6,)),
        ("scqf", "11", (7,)),
        ("nfq", "7", (6,)),
        ("nfq", "8", (6,)),
        ("nfq", "9", (7,)),
        ("nzqcf", "7", (6,)),
        ("nzqcf", "8", None),
        ("nzqcf", "9", (7,)),
        ("aqf", "8", (6, 7)),
        ("sanqf", "7", (6,)),
        ("acqf", "10", (8,)),
        ("acqf", "6", None),
        ("mqf", "6", (6,)),
        ("knqf", "7", (6,)),
    ],
)
def test_crosswalk(framework, level, eqf):
    reference = load_taxonomy(framework).crosswalk.get(level)
    assert (reference and reference.eqf) == eqf


@pytest.mark.parametrize("name", ["mqf", "knqf"])
def test_crosswalks_of_our_own_are_marked_low(name):
    assert {c.confidence for c in load_taxonomy(name).crosswalk.values()} == {"low"}


@pytest.mark.parametrize(
    ("rule", "system", "hours", "credits", "notional"),
    [
        ("uk-qaa", "CATS", (10, 10), (None, None), (None, None)),
        ("uk-scotland", "SCQF", (10, 10), (None, None), (None, None)),
        ("uk-wales", "CATS", (10, 10), (None, None), (None, None)),
        ("uk-ofs-hesc", "CATS", (10, 10), (30, None), (300, None)),
        ("eu-rec2022", "ECTS", (25, 30), (None, None), (None, None)),
        ("eu-cmf", "ECTS", (25, 30), (4, 6), (100, 150)),
        ("nl", "ECTS", (28, 28), (3, 30), (84, 840)),
        ("ie", "ECTS", (25, 30), (None, 59), (None, None)),
        ("nz", "NZQCF", (10, 10), (5, 40), (50, 400)),
        ("au", None, None, (None, None), (1, None)),
        ("my", "MQF", (40, 40), (1, None), (40, None)),
        ("za", "SAQA", (10, 10), (None, None), (None, None)),
        ("ke", "KNQF", (10, 10), (None, None), (None, None)),
        ("acqf", None, None, (None, None), (None, None)),
        ("in", "NCRF", (30, 30), (None, None), (None, None)),
        ("us", "US", (45, 45), (None, None), (None, None)),
        ("ca-on", None, None, (None, None), (5, 300)),
        ("na", "NQA", (10, 10), (None, None), (None, None)),
    ],
)
def test_size_rules(rule, system, hours, credits, notional):
    found = size_rules()[rule]
    assert (found.system, found.hours_per_credit) == (system, hours)
    assert (found.min_credits, found.max_credits) == credits
    assert (found.min_hours, found.max_hours) == notional


def test_particular_size_rules():
    rules = size_rules()
    assert len(rules) == 18
    assert rules["nz"].exceptional_below == 5
    assert rules["nl"].step == 0.5
    assert rules["nl"].confidence == rules["ke"].confidence == "low"
    assert rules["ie"].status == "assumption"
    assert {r.id for r in rules.values() if r.below_award} == {"uk-qaa", "uk-wales", "uk-scotland", "uk-ofs-hesc", "au"}
    assert load_taxonomy("fheq").size_rules[0].id == "uk-qaa"
    assert load_taxonomy("eqf").size_rules[0].id == "eu-rec2022"
    for rule in rules.values():
        if rule.hours_per_credit and rule.min_credits and rule.min_hours:
            assert rule.min_hours == rule.min_credits * rule.hours_per_credit[0]


def reached(framework: str, level: str, credits: float) -> dict[str, str]:
    return {
        a.award: a.blocks
        for a in load_taxonomy(framework).awards
        if level in a.levels and a.min_credits is not None and credits >= a.min_credits
    }


@pytest.mark.parametrize(
    ("framework", "level", "credits", "blocking", "noted"),
    [
        ("fheq", "6", 60, set(), {"Graduate Certificate", "Professional Graduate Certificate in Education"}),
        ("fheq", "7", 60, {"Postgraduate Certificate", "Postgraduate Certificate in Education"}, set()),
        ("fheq", "7", 59, set(), set()),
        ("fheq", "4", 119, set(), set()),
        ("fheq", "4", 120, {"Certificate of Higher Education", "Higher National Certificate"}, set()),
        ("scqf", "10", 60, set(), {"Graduate Certificate"}),
        ("scqf", "11", 60, {"Postgraduate Certificate"}, set()),
        ("nzqcf", "5", 40, set(), {"Certificate"}),
        ("nzqcf", "5", 39, set(), set()),
        ("sanqf", "5", 120, {"Higher Certificate"}, set()),
    ],
)
def test_awards_that_a_size_reaches(framework, level, credits, blocking, noted):
    found = reached(framework, level, credits)
    assert {a for a, blocks in found.items() if blocks == "yes"} == blocking
    assert {a for a, blocks in found.items() if blocks == "warn"} == noted


def test_what_was_not_seen_in_a_source_is_marked_low():
    for name in FRAMEWORKS:
        framework = load_taxonomy(name)
        for entry in (*framework.awards, *framework.size_rules, *framework.crosswalk.values()):
            if "memory" in entry.source:
                assert entry.confidence == "low"


def test_every_file_of_the_folder_is_known():
    known = {"taxonomy.toml", "concepts.csv", "groups.csv", "retired.csv"}
    for path in shipped("taxonomies").rglob("*"):
        assert path.is_dir() or path.name in known or path.name in {"jurisdictions.toml", "README.md"}, path
