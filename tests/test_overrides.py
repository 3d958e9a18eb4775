from __future__ import annotations

import json
from pathlib import Path

import pytest
from typer.testing import CliRunner

from tagger.cli import app
from tagger.corrections import Correction, write_corrections
from tagger.derived import Derivation, derivation_of
from tagger.errors import TaggerError
from tagger.model import Model
from tagger.overrides import Overrides, is_human
from tagger.records import Credential, Evidence, LearningOutcome, Tag, TaggedCredential, TaggedOutcome
from tagger.report import ReportBuilder
from tagger.tagging import roll_up
from tagger.taxonomy import load_taxonomy

SDG = "http://metadata.un.org/sdg/"
TEXT = "Treat wastewater before it is reused"


@pytest.fixture(scope="module")
def models() -> list[Model]:
    return [Model.load(name) for name in ("sdg", "sdg-targets", "bloom")]


def given(*concepts: str, text: str = TEXT) -> TaggedCredential:
    def tag(code: str) -> Tag:
        taxonomy = "sdg-targets" if "." in code else "sdg"
        return Tag(taxonomy, "2017", SDG + code, code, 0.7, "contributes", (Evidence(0, 5, text[:5]),), f"{taxonomy}@1")

    outcome = TaggedOutcome(LearningOutcome("A/1", text), tuple(map(tag, concepts)))
    return TaggedCredential(Credential("A", outcomes=(outcome.outcome,)), (outcome,), roll_up((outcome,)))


def line(decision: str, code: str | None, by: str | None = "Ann", **more: str) -> Correction:
    taxonomy = "sdg-targets" if code and "." in code else "sdg"
    return Correction(TEXT, taxonomy, decision, None if code is None else SDG + code, reviewer=by, **more)  # type: ignore[arg-type]


def applied(
    lines: list[Correction], tagged: TaggedCredential, models: list[Model]
) -> tuple[set[tuple[str, str]], set[str]]:
    result = Overrides(lines, models).apply(tagged)
    [outcome] = result.outcomes
    assert {t.concept for t in result.tags} == {t.concept for t in outcome.tags}  # rolled up anew
    assert TaggedCredential.from_dict(json.loads(json.dumps(result.to_dict()))) == result
    assert all((t.score == 1.0) is is_human(t) for t in outcome.tags)
    assert all(t.score == 0.0 and is_human(t) for t in outcome.rejected)
    return {(t.concept.removeprefix(SDG), t.model) for t in outcome.tags}, {
        t.concept.removeprefix(SDG) for t in outcome.rejected
    }


def test_accepted_rejected_and_added(models: list[Model]) -> None:
    lines = [line("accept", "6"), line("reject", "13"), line("add", "3")]
    assert applied(lines, given("6", "13", "9"), models) == (
        {("6", "review:Ann"), ("3", "review:Ann"), ("9", "sdg@1")},
        {"13"},
    )


def test_the_text_counts_as_normalised_and_no_other_does(models: list[Model]) -> None:
    lines = [line("reject", "6")]
    assert applied(lines, given("6", text="  treat WASTEWATER before it is\treused "), models)[1] == {"6"}
    assert applied(lines, given("6", text=TEXT + " or not"), models) == ({("6", "sdg@1")}, set())


def test_no_concept_holds(models: list[Model]) -> None:
    assert applied([line("accept", None)], given("6", "13"), models) == (set(), {"6", "13"})


def test_targets_of_a_rejected_goal_go_with_it_unless_people_want_them(models: list[Model]) -> None:
    assert applied([line("reject", "6")], given("6", "6.1", "3.3"), models) == (
        {("3.3", "sdg-targets@1")},
        {"6", "6.1"},
    )
    lines = [line("reject", "6"), line("accept", "6.1")]
    assert applied(lines, given("6", "6.1"), models) == ({("6.1", "review:Ann")}, {"6"})


def test_reviewers_who_are_divided_leave_it_to_the_model(models: list[Model]) -> None:
    lines = [line("accept", "6"), line("reject", "6", "Ben")]
    overrides = Overrides(lines, models)
    assert overrides.n_undecided == 1 and "divided" in overrides.render()
    assert applied(lines, given("6"), models) == ({("6", "sdg@1")}, set())
    assert applied([*lines, line("accept", "6", "Cem")], given("6"), models) == ({("6", "review:Ann+Cem")}, set())


def test_what_is_not_applied_is_counted(models: list[Model]) -> None:
    lines = [
        line("accept", "6"),
        line("add", "99"),
        Correction(TEXT, "onet", "add", "http://x"),
        Correction("x", "sdg", "add", SDG + "1"),
    ]
    overrides = Overrides(lines, models)
    overrides.apply(given("6"))
    said = overrides.render()
    assert "4 decisions on 2 texts, of which 1 are in this catalogue" in said and "confirmed 1 tags" in said
    assert "1 on a taxonomy" in said and "1 on a concept" in said


def test_derived_tags_follow(models: list[Model]) -> None:
    solo = derivation_of(load_taxonomy("solo"))
    assert isinstance(solo, Derivation)
    add = Correction(TEXT, "bloom", "add", "urn:outcome-tagger:bloom:understand", reviewer="Ann")
    [outcome] = Overrides([add], models, [solo]).apply(given()).outcomes
    assert [(t.taxonomy, t.model) for t in outcome.tags] == [("bloom", "review:Ann"), ("solo", "review:Ann")]


def test_the_report_shows_who_decided(models: list[Model]) -> None:
    report = ReportBuilder("x")
    report.add(Overrides([line("accept", "6"), line("reject", "13", "<b>Ben")], models).apply(given("6", "13")))
    html = report.render()
    assert "decided by Ann" in html and "rejected by &lt;b&gt;Ben" in html and "Decided by people" in html


def test_the_command(tmp_path: Path) -> None:
    runner = CliRunner()
    catalogue, lines, out = tmp_path / "c.csv", tmp_path / "corrections.jsonl", tmp_path / "out.jsonl"
    catalogue.write_text(f"id,title,outcomes\nA,Water,{TEXT}\n")
    write_corrections(lines, [line("reject", "6"), line("add", "12")])
    arguments = ["tag", str(catalogue), "--model", "sdg", "--corrections", str(lines)]
    done = runner.invoke(
        app, [*arguments, "-o", str(out), "-o", str(tmp_path / "t.parquet"), "-o", str(tmp_path / "t.csv")]
    )
    assert done.exit_code == 0, done.output
    assert "corrections: 2 decisions on 1 texts" in done.stderr and "rejected 1" in done.stderr
    [outcome] = json.loads(out.read_text())["outcomes"]
    assert [(t["concept"], t["model"]) for t in outcome["tags"]] == [(SDG + "12", "review:Ann")]
    assert [(t["concept"], t["model"]) for t in outcome["rejected"]] == [(SDG + "6", "review:Ann")]
    assert "review:Ann" in (tmp_path / "t-tags.csv").read_text(encoding="utf-8")
    with pytest.raises(TaggerError, match="holds the corrections"):
        runner.invoke(app, [*arguments, "-o", str(lines)], catch_exceptions=False)
