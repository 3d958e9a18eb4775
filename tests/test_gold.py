"""The gold set: form, the split, every label traced to its two labellings, and no text of it in anything trained on."""

import csv
import gzip
import json
import re
from collections import Counter
from collections.abc import Iterator
from functools import cache
from pathlib import Path

import pytest

from tagger.taxonomy import load_taxonomy
from training.gold import FOLDER, credentials, read, split_of
from training.texts import normalise

ROOT = Path(__file__).parent.parent
DATA = ROOT.parent / "shared" / "data"
DATA_FILES = (
    "levels/bloom_clo_train.csv",
    "catalogues/miun_sweden.jsonl.gz",
    "catalogues/edinburgh_drps_2024_25.jsonl.gz",
    "sdg/cmu_courses_unlabelled.csv",
    "sdg/osdg_subset_dev.csv",
    "sdg/aurora_survey.parquet",
    "skills/skillskape_train.jsonl.gz",
)
LEVELS = ("remember", "understand", "apply", "analyse", "evaluate", "create")
RUN = 8


@cache
def gold() -> tuple[dict, ...]:
    return tuple(read("credentials.jsonl"))


@cache
def outcomes() -> dict[str, dict]:
    return {o["id"]: o for c in gold() for o in c["outcomes"]}


def goals(outcome: dict) -> list[int]:
    return [g["goal"] for g in outcome["sdg"] if g["relation"] == "contributes"]


def test_ids_are_unique_and_outcomes_are_numbered_below_their_credential() -> None:
    assert [c["id"] for c in gold()] == [f"G{n:03}" for n in range(1, 121)]
    for c in gold():
        assert [o["id"] for o in c["outcomes"]] == [f"{c['id']}/{n}" for n in range(1, len(c["outcomes"]) + 1)]
    assert len({normalise(o["text"]) for o in outcomes().values()}) == len(outcomes()) == 776


def test_every_credential_has_the_same_fields() -> None:
    assert {tuple(c) for c in gold()} == {
        (
            *("id", "split", "title", "provider", "isced_f", "language", "jurisdiction", "framework", "level", "eqf"),
            *("credits", "credit_system", "notional_hours", "overloaded", "reason", "big_but_fine", "outcomes"),
        )
    }
    assert {tuple(o) for o in outcomes().values()} == {("id", "text", "sdg", "bloom", "assessable", "skills")}
    for c in gold():
        assert c["eqf"] in range(1, 9) and c["language"] == "en" and c["notional_hours"] > 0
        assert c["overloaded"] in ("no", "too-many", "scattered", "award-sized") and c["reason"]
        assert not (c["big_but_fine"] and c["overloaded"] != "no")


def test_labels_stand_in_their_taxonomies() -> None:
    esco = {c.id: c.label for c in load_taxonomy("esco").concepts}
    targets = {c.notation: c for c in load_taxonomy("sdg-targets").concepts}
    known_goals = {c.notation for c in load_taxonomy("sdg").concepts}
    bloom = {c.label.lower() for c in load_taxonomy("bloom").concepts}
    assert bloom == set(LEVELS)
    for o in outcomes().values():
        assert len(goals(o)) <= 3
        assert len({g["goal"] for g in o["sdg"]}) == len(o["sdg"])
        for g in o["sdg"]:
            assert str(g["goal"]) in known_goals and g["relation"] in ("contributes", "mentions")
            assert bool(g["targets"]) == (g["relation"] == "contributes") and len(g["targets"]) <= 2
            assert all(t in targets and t.split(".")[0] == str(g["goal"]) for t in g["targets"])
        assert o["bloom"] == sorted(set(o["bloom"]), key=LEVELS.index)
        assert isinstance(o["assessable"], bool)
        assert len({s["concept"] for s in o["skills"]}) == len(o["skills"])
        for s in o["skills"]:
            assert esco[s["concept"]] == s["label"] and s["judgement"] in ("right", "near")


def test_split_is_reproduced_from_the_ids_and_both_halves_are_usable() -> None:
    assert all(c["split"] == split_of(c["id"]) for c in gold())
    halves = {half: list(credentials(half)) for half in ("dev", "test")}
    assert {half: len(found) for half, found in halves.items()} == {"dev": 47, "test": 73}
    for found in halves.values():
        by_goal = Counter(g for c in found for o in c["outcomes"] for g in goals(o))
        assert all(by_goal[g] >= 5 for g in range(1, 18)), by_goal
        kinds = Counter(c["overloaded"] for c in found)
        assert all(kinds[k] >= 3 for k in ("too-many", "scattered", "award-sized")), kinds


def test_unknown_half_is_refused() -> None:
    with pytest.raises(ValueError, match="`dev` or `test`"):
        list(credentials("train"))


def test_counts_that_the_set_promises() -> None:
    by_goal = Counter(g for o in outcomes().values() for g in goals(o))
    assert all(by_goal[g] >= 15 for g in range(1, 18)), by_goal
    without = sum(not goals(o) for o in outcomes().values()) / len(outcomes())
    assert 0.50 <= without <= 0.58
    assert {c["eqf"] for c in gold()} >= {3, 4, 5, 6, 7, 8}
    assert len({c["jurisdiction"] for c in gold()}) == 8
    assert Counter(c["overloaded"] for c in gold()) == {"no": 90, "too-many": 10, "scattered": 10, "award-sized": 10}


def _plain_sdg(labels: list[dict]) -> list[tuple]:
    return sorted(
        (g["goal"], g["relation"], tuple(g["targets"]) if g["relation"] == "contributes" else ()) for g in labels
    )


def test_every_label_is_what_both_gave_or_an_adjudicated_one() -> None:
    first, second = ({a["id"]: a for a in read(f"annotations_{n}.jsonl")} for n in (1, 2))
    decided = {(a["id"], a["layer"], a.get("concept")): a for a in read("adjudication.jsonl")}
    used = set()

    def final(key: tuple, a: object, b: object) -> object:
        if a == b:
            return a
        used.add(key)
        assert decided[key]["reason"]
        return decided[key]["decision"]

    for c in gold():
        one, two = first[c["id"]], second[c["id"]]
        for layer in ("eqf", "overloaded"):
            assert c[layer] == final((c["id"], layer, None), one[layer], two[layer])
        for o, a, b in zip(c["outcomes"], one["outcomes"], two["outcomes"], strict=True):
            assert o["id"] == a["id"] == b["id"]
            sdg = final((o["id"], "sdg", None), _plain_sdg(a["sdg"]), _plain_sdg(b["sdg"]))
            assert _plain_sdg(o["sdg"]) == (sdg if not sdg or isinstance(sdg[0], tuple) else _plain_sdg(sdg))
            for layer in ("bloom", "assessable"):
                assert o[layer] == final((o["id"], layer, None), a[layer], b[layer])
            right = {s["concept"].rsplit("/", 1)[1] for s in o["skills"] if s["judgement"] == "right"}
            iri = "http://data.europa.eu/esco/skill/"
            disputed = set(a["skills"]["right"]) ^ set(b["skills"]["right"])
            won = {
                s for s in disputed if final((o["id"], "skills", iri + s), s in a["skills"]["right"], None) == "right"
            }
            assert right == (set(a["skills"]["right"]) & set(b["skills"]["right"])) | won
    assert used == set(decided), "decisions on what nobody disputed"


def test_judged_skills_come_from_the_pool() -> None:
    pool = {p["id"]: set(p["candidates"]) for p in read("skill_pool.jsonl")}
    assert set(pool) == set(outcomes())
    for o in outcomes().values():
        assert {s["concept"].rsplit("/", 1)[1] for s in o["skills"]} <= pool[o["id"]]


def test_agreement_is_that_of_the_files() -> None:
    from training.gold.agreement import measure

    stored = json.loads((FOLDER / "agreement.json").read_text(encoding="utf-8"))
    again = measure(n_resamples=0)
    assert {k: (v["n"], v["value"]) for k, v in stored.items()} == {k: (v["n"], v["value"]) for k, v in again.items()}


# --- nothing of it is trained on


def runs(normalised: str) -> set[str]:
    found = normalised.split()
    return {" ".join(found[i : i + RUN]) for i in range(len(found) - RUN + 1)}


@cache
def gold_texts() -> frozenset[str]:
    return frozenset(normalise(o["text"]) for o in outcomes().values())


@cache
def gold_runs() -> frozenset[str]:
    return frozenset(run for o in outcomes().values() for run in runs(normalise(o["text"])))


def leaks(text: str) -> set[str]:
    normalised = normalise(text)
    return ({normalised} & gold_texts()) | (gold_runs() & runs(normalised))


def cells(path: Path) -> Iterator[str]:
    """Yield every text of a data file, whatever its columns are called."""
    if path.suffix == ".parquet":
        import pyarrow.parquet as pq

        for row in pq.read_table(path).to_pylist():
            yield from (v for v in row.values() if isinstance(v, str))
    elif path.suffix == ".csv":
        csv.field_size_limit(10**9)
        with path.open(encoding="utf-8", newline="") as file:
            for record in csv.reader(file):
                yield from record
    else:
        open_text = gzip.open if path.suffix == ".gz" else open
        with open_text(path, "rt", encoding="utf-8") as file:
            for line in file:
                yield from re.findall(r'"((?:[^"\\]|\\.)*)"', line)


OWN = sorted(
    p
    for folder in ("training", "examples")
    for p in (ROOT / folder).rglob("*")
    if p.suffix in (".csv", ".jsonl") and FOLDER not in p.parents
)


def test_leaks_are_found() -> None:
    text = next(o["text"] for o in outcomes().values() if len(o["text"].split()) > RUN + 2)
    assert leaks(text.upper()) and leaks("Before that, " + text + " and after")
    assert not leaks("Something that nobody wrote")


@pytest.mark.parametrize("path", OWN, ids=lambda p: str(p.relative_to(ROOT)))
def test_no_gold_text_stands_in_our_own_training_data(path: Path) -> None:
    assert not set().union(*(leaks(text) for text in cells(path)))


@pytest.mark.parametrize("name", DATA_FILES)
def test_no_gold_text_stands_in_the_data_of_the_recipes(name: str) -> None:
    if not (DATA / name).is_file():
        pytest.skip(f"needs {name} of the data folder, which is not part of the project")
    assert not set().union(*(leaks(text) for text in cells(DATA / name)))
