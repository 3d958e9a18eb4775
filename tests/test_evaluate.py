"""The evaluation: what it counts, on the dev half, with taggers whose answers are known."""

import json
from dataclasses import replace

import numpy as np
import pytest

from tagger.records import Finding, LevelEstimate, Tag, TaggedCredential, TaggedOutcome
from training import evaluate
from training.evaluate import contributing, figures, record
from training.gold import credentials
from training.measures import Measure, draws, f1, macro_f1, markdown, quadratic_kappa, ratio

TAXONOMIES = ("sdg", "sdg-targets", "esco", "bloom", "eqf")
GOLD = list(credentials("dev"))


def tag(taxonomy: str, concept: str, label: str = "x") -> Tag:
    return Tag(taxonomy, "1", concept, label, 1.0, None, (), "stub@1")


def finding(rule: str, outcomes: tuple[str, ...] = ()) -> Finding:
    return Finding(rule, "red", None, None, None, None, outcomes, "m", "a")


def perfect(gold: dict) -> TaggedCredential:
    plain = record(gold)
    outcomes = []
    for o, stated in zip(gold["outcomes"], plain.outcomes, strict=True):
        tags = [tag("sdg", f"http://metadata.un.org/sdg/{g}") for g in contributing(o)]
        tags += [tag("sdg-targets", f"http://metadata.un.org/sdg/{t}") for g in o["sdg"] for t in g["targets"]]
        tags += [tag("esco", s["concept"]) for s in o["skills"] if s["judgement"] == "right"]
        tags += [tag("bloom", f"urn:{level}", level.capitalize()) for level in o["bloom"]]
        outcomes.append(TaggedOutcome(stated, tuple(tags)))
    vague = tuple(o["id"] for o in gold["outcomes"] if not o["assessable"])
    found = {"too-many": ["density"], "scattered": ["breadth"], "award-sized": ["size-award"], "no": []}
    findings = [finding(rule) for rule in found[gold["overloaded"]]] + [finding("wording-vague", vague)]
    estimate = LevelEstimate(gold["eqf"], {str(gold["eqf"]): 1.0}, "stub@1")
    level = replace(plain.level, estimated=estimate)
    return TaggedCredential(replace(plain, level=level), tuple(outcomes), (), tuple(findings))


def silent(gold: dict) -> TaggedCredential:
    plain = record(gold)
    return TaggedCredential(plain, tuple(TaggedOutcome(o) for o in plain.outcomes))


def values(tagged: list[TaggedCredential], **options: object) -> dict[tuple[str, str], float | None]:
    return {(f.layer, f.name): f.value for f in figures(GOLD, tagged, TAXONOMIES, **options)}  # type: ignore[arg-type]


def test_a_perfect_tagger_has_perfect_figures() -> None:
    found = values([perfect(c) for c in GOLD])
    for (layer, name), value in found.items():
        if any(
            word in name for word in ("precision", "recall", "F1", "kappa", "exact", "within", "same set", "one of")
        ):
            assert value == 1.0, (layer, name)
    assert found["SDG goals", "outcomes without a goal: any tagged"] == 0.0
    assert found["SDG goals", "outcomes not of goal 4: 4 tagged"] == 0.0
    assert found["skills (ESCO)", "tags that are near"] == 0.0
    assert found["skills (ESCO)", "tags that were not judged (count as wrong)"] == 0.0
    assert found["EQF level", "estimated (no abstention)"] == 1.0
    assert found["overload findings", "too-many: density finding"] == 1.0
    assert found["overload findings", "too-many: size finding"] == 0.0
    assert found["overload findings", "award-sized: size finding"] == 1.0
    assert found["overload findings", "big but fine: either finding"] == 0.0


def test_a_silent_tagger_finds_nothing_and_is_not_called_precise() -> None:
    found = values([silent(c) for c in GOLD])
    assert found["SDG goals", "micro recall"] == 0.0 and found["SDG goals", "micro precision"] is None
    assert found["SDG goals", "macro F1, 17 goals"] == 0.0
    assert found["abstention", "outcomes without a goal tag"] == 1.0
    assert found["EQF level", "estimated (no abstention)"] == 0.0 and found["EQF level", "quadratic kappa"] is None
    assert not any(layer.startswith("not assessable") for layer, _ in found)


def test_near_skills_and_unjudged_ones_are_wrong_and_counted_apart() -> None:
    tagged = []
    for c in GOLD:
        outcomes = []
        for o, stated in zip(c["outcomes"], record(c).outcomes, strict=True):
            near = [tag("esco", s["concept"]) for s in o["skills"] if s["judgement"] == "near"]
            outcomes.append(TaggedOutcome(stated, (*near, tag("esco", "http://data.europa.eu/esco/skill/none"))))
        tagged.append(TaggedCredential(record(c), tuple(outcomes)))
    found = values(tagged)
    near, unjudged = (
        found["skills (ESCO)", name] for name in ("tags that are near", "tags that were not judged (count as wrong)")
    )
    assert found["skills (ESCO)", "precision"] == 0.0
    assert near is not None and unjudged is not None and near + unjudged == pytest.approx(1.0, abs=0.002)


def test_a_taxonomy_that_is_not_served_is_left_out() -> None:
    layers = {f.layer for f in figures(GOLD, [silent(c) for c in GOLD], ["sdg"])}
    assert "SDG goals" in layers and not layers & {"SDG targets", "skills (ESCO)", "Bloom", "EQF level"}


def test_the_gate_is_measured_beside_the_model() -> None:
    gate = [[contributing(o) for o in c["outcomes"]] for c in GOLD]
    found = values([silent(c) for c in GOLD], gate=gate)
    assert found["SDG goals, TF-IDF gate", "micro F1"] == 1.0 and found["SDG goals", "micro F1"] == 0.0


def test_a_record_carries_size_and_level_but_no_label() -> None:
    plain = record(GOLD[0])
    assert plain.size.notional_hours == (GOLD[0]["notional_hours"],) * 2
    assert plain.level.framework == GOLD[0]["framework"] and plain.level.estimated is None
    assert not plain.extra


def test_figures_are_the_same_each_time() -> None:
    tagged = [perfect(c) for c in GOLD]
    assert figures(GOLD, tagged, TAXONOMIES) == figures(GOLD, tagged, TAXONOMIES)
    assert (draws(7, 5) == draws(7, 5)).all() and (draws(7, 5).sum(axis=1) == 7).all()


def test_intervals_hold_the_value_and_narrow_with_more_credentials() -> None:
    few = Measure("l", "m", 20, [[1, 2]] * 3 + [[0, 2]] * 3, ratio).evaluate(draws(6))
    many = Measure("l", "m", 200, [[1, 2]] * 30 + [[0, 2]] * 30, ratio).evaluate(draws(60))
    for figure in (few, many):
        assert figure.interval is not None and figure.interval[0] < 0.25 < figure.interval[1]
        assert figure.value == 0.25
    assert few.interval and many.interval
    assert many.interval[1] - many.interval[0] < few.interval[1] - few.interval[0]


def test_a_share_of_nought_is_not_called_certain() -> None:
    figure = Measure("l", "m", 33, [[0, 1]] * 33, ratio).evaluate(draws(33))
    assert figure.value == 0.0 and figure.interval == (0.0, 0.104)
    assert Measure("l", "m", 3, [[0, 1, 1]] * 3, f1).evaluate(draws(3)).interval is None


def test_a_stated_level_far_off_is_told_from_a_near_one() -> None:
    tagged = [replace(perfect(c), findings=(finding("level-mismatch"),)) for c in GOLD]
    found = {f.name: f for f in figures(GOLD, tagged, ["eqf"]) if f.layer == "level finding"}
    far, near = (found[f"stated level off by {x}: mismatch found"] for x in ("two levels or more", "one level or none"))
    assert far.value == near.value == 1.0 and 0 < far.n < near.n <= len(GOLD)


def test_statistics_by_hand() -> None:
    assert f1(np.array([[1.0, 2.0, 2.0], [0.0, 0.0, 0.0]])).tolist()[0] == 0.5
    assert np.isnan(f1(np.zeros((1, 3)))[0])
    # two classes: F1 of 1 and of 0; a third with nothing to find does not count
    assert macro_f1(np.array([[2.0, 2, 2, 0, 1, 1, 0, 5, 0]])).tolist() == [0.5]
    assert quadratic_kappa(np.array([[0.0, 5, 5, 0]])).tolist() == [-1.0]


def test_table_names_a_layer_once_and_says_what_is_undefined() -> None:
    table = markdown(figures(GOLD, [silent(c) for c in GOLD], ["sdg"]))
    assert table.count("| SDG goals |") == 1
    assert "|  | micro recall |" in table and "| 0 | – | – |" in table


def test_command_prints_the_table_and_writes_json(tmp_path, capsys, monkeypatch) -> None:
    class Stub:
        models = ()

        class encoder:
            id = "stub"

        @classmethod
        def load(cls) -> "Stub":
            return cls()

        def tag(self, records):
            return (TaggedCredential(r, tuple(TaggedOutcome(o) for o in r.outcomes)) for r in records)

    monkeypatch.setattr("tagger.tagging.Tagger", Stub)
    evaluate.main(["--split", "dev", "--json", str(tmp_path / "figures.json")])
    printed = capsys.readouterr().out
    assert "47 micro-credentials" in printed and "| layer | measure | n | value |" in printed
    summary = json.loads((tmp_path / "figures.json").read_text(encoding="utf-8"))
    assert summary["split"] == "dev" and summary["n_outcomes"] == sum(len(c["outcomes"]) for c in GOLD)
    assert {f["layer"] for f in summary["figures"]} == {"overload findings"}
