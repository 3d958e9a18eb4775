from __future__ import annotations

import csv
import io
import json
import random
import shutil
import subprocess
import zipfile
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import openpyxl
import pytest
from typer.testing import CliRunner

from tagger.cli import app
from tagger.corrections import read_corrections
from tagger.errors import TaggerError
from tagger.records import Credential, TaggedCredential
from tagger.review.concepts import Concepts
from tagger.review.export import export, select
from tagger.review.importing import Imported, import_files
from tagger.review.items import gather, near_text, read_tagged
from tagger.review.label_studio import CONFIG
from tagger.review.priority import ranked
from tagger.review.sheet import COLUMNS, write_xlsx
from tests.review_samples import EVIL, SDG, outcome, sample, tag, write_sample

runner = CliRunner()
Rows = list[dict[str, Any]]


@pytest.fixture
def tagged(tmp_path: Path) -> Path:
    return write_sample(tmp_path)


def exported(tagged: Path, name: str, **options: Any) -> Path:
    path = tagged.parent / name
    export(tagged, path, neighbours=False, **options)
    return path


def rows_of(path: Path) -> Rows:
    if path.suffix == ".csv":
        return list(csv.DictReader(io.StringIO(path.read_text(encoding="utf-8-sig"))))
    sheet = openpyxl.load_workbook(path)["review"]
    head, *rows = sheet.iter_rows(values_only=True)
    return [dict(zip(head, row, strict=True)) for row in rows]  # type: ignore[arg-type]


def decide(path: Path, decisions: dict[tuple[str, str], dict[str, str]]) -> None:
    """Fill in cells of a workbook, as a reviewer does, in rows found by the beginning of the outcome and the code."""
    book = openpyxl.load_workbook(path)
    sheet = book["review"]
    columns = {cell.value: cell.column for cell in sheet[1]}
    left = dict(decisions)
    for n in range(2, sheet.max_row + 1):
        for (start, code), cells in decisions.items():
            text = str(sheet.cell(n, columns["outcome"]).value)
            if text.startswith(start) and (sheet.cell(n, columns["code"]).value or "") == code:
                left.pop((start, code), None)
                for name, value in cells.items():
                    sheet.cell(n, columns[name]).value = value
    assert not left
    book.save(path)


SOME = {
    ("Treat", "6"): {"decision": "accept", "reviewer": "Ann", "comment": "plainly"},
    ("=SUM", "3"): {"decision": "reject", "reviewer": "Ann"},
    ("=SUM", "13"): {"decision": "Change", "change to": "SDG 6; 13", "reviewer": "Ann"},
    ("Prove", ""): {"decision": "accept", "reviewer": "Ann"},
    ("Explain", ""): {"decision": "change", "change to": "Climate action", "reviewer": "Ann"},
}
SAID = {
    ("Treat wastewater before it is reused", "accept", SDG + "6"),
    ("On completion, learners will be able to treat the wastewater before it is reused.", "accept", SDG + "6"),
    ("=SUM(A1) is used to plan for climate risk", "reject", SDG + "3"),
    ("=SUM(A1) is used to plan for climate risk", "accept", SDG + "13"),
    ("=SUM(A1) is used to plan for climate risk", "add", SDG + "6"),
    ("Prove a theorem about groups", "accept", None),
    ("Explain naïve “quotes”; semicolons, commas", "add", SDG + "13"),
}


def said(imported: Imported) -> set[tuple[str, str, str | None]]:
    assert not imported.problems, [p.render() for p in imported.problems]
    assert imported.n_rows == imported.n_decided + imported.n_open + imported.n_refused
    return {(c.text, c.decision, c.concept) for c in imported.corrections}


# Out -----------------------------------------------------------------------------------------------------------------


def test_one_question_for_each_tag_and_untagged_outcome_and_near_duplicates_share_one() -> None:
    found = gather(sample())
    assert (found.n_tags, found.n_untagged) == (5, 2)
    assert len(found.items) == 6 and sum(i.n_outcomes for i in found.items) == 7
    [shared] = [i for i in found.items if i.n_outcomes == 2]
    assert shared.text.startswith("Treat") and len(shared.also) == 1
    assert len({i.id for i in found.items}) == 6


@pytest.mark.parametrize(
    ("one", "other"), [("Write C code", "Write C++ code"), ("Use news media", "Use new media"), ("Do x", "Do not do x")]
)
def test_texts_that_mean_something_else_are_no_near_duplicates(one: str, other: str) -> None:
    assert near_text(one) != near_text(other)


def test_a_tag_that_people_decided_on_is_not_asked_again() -> None:
    text = "Treat wastewater"
    done = replace(tag("6", text, "wastewater", 1.0), model="review:Ann")
    found = gather([TaggedCredential(Credential("A"), (outcome("A/1", text, done),))], ["sdg"])
    assert not found.items and found.n_decided == 1


def test_uncertain_and_frequent_come_first() -> None:
    items = ranked(gather(sample()).items)
    assert [i.score for i in items[:2]] == [0.55, 0.41]  # serves two; stands at the threshold
    assert "serves 2 outcomes" in items[0].why and "near the threshold" in items[1].why
    assert items[-1].score == 0.97


class Blocks:
    """An encoder for which texts of one subject are alike."""

    id, dim = "blocks@1", 2

    def encode(self, texts: Any) -> Any:
        import numpy as np

        return np.array([[1, 0] if "soil" in t else [0, 1] for t in texts], dtype=np.float32)


def test_an_outcome_whose_neighbours_are_tagged_otherwise_comes_first() -> None:
    texts = [f"Protect soil of kind {n} from erosion" for n in range(6)]
    made = [outcome(f"A/{n}", t, *([tag("13", t, "soil", 0.9)] if n else [])) for n, t in enumerate(texts)]
    odd = outcome("A/9", "Sing a song about rain", tag("13", "Sing a song about rain", "rain", 0.9))
    found = ranked(gather([TaggedCredential(Credential("A"), (odd, *made))]).items, Blocks())
    assert found[0].outcome == "A/0" and "5 of 5 similar outcomes have Climate action" in found[0].why


def test_filters() -> None:
    items = ranked(gather(sample()).items)
    assert {i.score for i in select(items, below=0.6)} == {0.55, 0.41}
    assert {i.score for i in select(items, above=0.6, below=0.95)} == {0.9}
    assert all(i.concept is None for i in select(items, only_untagged=True))
    assert len(select(items, limit=2)) == 2
    assert len(gather(sample(), ["bloom"]).items) == 5  # near-duplicates together; none has a tag in it
    with pytest.raises(TaggerError, match="bloomm"):
        gather(sample(), ["bloomm"])


def test_the_workbook_marks_evidence_locks_ids_and_offers_choices(tagged: Path) -> None:
    path = exported(tagged, "review.xlsx")
    sheet = openpyxl.load_workbook(path, rich_text=True)["review"]
    columns = {cell.value: cell.column for cell in sheet[1]}
    assert list(columns) == list(COLUMNS)
    texts = [sheet.cell(n, columns["outcome"]).value for n in range(2, sheet.max_row + 1)]
    parts = [part for text in texts if not isinstance(text, str) for part in text]
    marked = [part.text for part in parts if getattr(getattr(part, "font", None), "b", False)]
    assert {"wastewater", "climate risk", "risk"} <= set(marked)
    assert sheet.protection.sheet and not sheet.protection.sort and not sheet.protection.autoFilter  # False: allowed
    for name, (_, is_theirs) in COLUMNS.items():
        assert sheet.cell(2, columns[name]).protection.locked is not is_theirs
    choices = {str(v.sqref).split("2:")[0]: v for v in sheet.data_validations.dataValidation}
    assert choices["G"].formula1 == '"accept,reject,change"' and choices["H"].showErrorMessage is not True
    names = openpyxl.load_workbook(path).defined_names
    assert names["concepts_sdg"].attr_text == "concepts!$B$2:$B$18"
    assert sheet.cell(2, columns["change to"]).number_format == "@"


def test_the_same_input_gives_the_same_bytes(tagged: Path) -> None:
    for name in ("a.xlsx", "a.csv", "a.json"):
        assert exported(tagged, name).read_bytes() == exported(tagged, f"b{name}").read_bytes()


def test_no_cell_is_a_formula(tagged: Path) -> None:
    with zipfile.ZipFile(exported(tagged, "review.xlsx")) as book:
        assert b"<f>" not in book.read("xl/worksheets/sheet1.xml").split(b"<dataValidations")[0]
    assert any(r["outcome"].startswith("'=SUM") for r in rows_of(exported(tagged, "review.csv")))


def test_other_wordings_that_do_not_fit_a_cell_get_rows_of_their_own(tmp_path: Path) -> None:
    [item] = [i for i in gather(sample()).items if i.also]
    wordings = tuple(f"Treat wastewater before it is reused{'.' * n}" for n in range(1, 900))
    path = tmp_path / "r.xlsx"
    write_xlsx(path, [replace(item, also=wordings)], Concepts())
    rows = rows_of(path)
    assert len(rows) > 1 and {w for r in rows for w in r["also"].split("\n")} == set(wordings)
    book = openpyxl.load_workbook(path)
    for n in range(2, len(rows) + 2):
        book["review"].cell(n, list(COLUMNS).index("decision") + 1).value = "reject"
    book.save(path)
    assert {text for text, *_ in said(import_files([path], reviewer="A"))} == {item.text, *wordings}


def test_a_file_that_is_no_tagged_catalogue_is_refused(tmp_path: Path) -> None:
    for name, text in (("x.jsonl", '{"a": 1}\n'), ("y.jsonl", "no\n"), ("z.jsonl", "\n\n")):
        (tmp_path / name).write_text(text)
        with pytest.raises(TaggerError) as caught:
            list(read_tagged(tmp_path / name))
        assert name in caught.value.message and caught.value.hint


# In ------------------------------------------------------------------------------------------------------------------


def test_workbook_round_trip_with_provenance(tagged: Path) -> None:
    path = exported(tagged, "review.xlsx")
    assert not said(import_files([path]))  # nothing decided, nothing claimed
    decide(path, SOME)
    imported = import_files([path])
    assert said(imported) == SAID
    assert (imported.n_decided, imported.n_open, imported.n_served) == (5, 1, 5)
    by = {(c.text, c.concept): c for c in imported.corrections}
    accepted = by["Treat wastewater before it is reused", SDG + "6"]
    assert (accepted.reviewer, accepted.comment, accepted.outcome, accepted.credential) == (
        "Ann",
        "plainly",
        "A/1",
        "A",
    )
    assert (accepted.model, accepted.version, accepted.relation) == ("sdg@0.0.0", "2017", "contributes")
    assert (
        accepted.source["file"] == "review.xlsx"
        and accepted.source["row"] == 2
        and len(accepted.source["sha256"]) == 64
    )
    assert accepted.when is not None
    assert by["=SUM(A1) is used to plan for climate risk", SDG + "6"].model is None


def shuffled(path: Path, tagged: Path) -> Path:
    rows = rows_of(path)
    random.Random(3).shuffle(rows)
    names = list(COLUMNS)
    random.Random(4).shuffle(names)
    book = openpyxl.Workbook()
    sheet = book.active
    sheet.title = "Sheet7"
    sheet.append([])
    sheet.append(["my own", *(n.upper() for n in names), "also mine"])
    for n, row in enumerate(rows):
        sheet.append([n, *(row[name] for name in names), "x"])
        sheet.row_dimensions[n + 3].hidden = n % 2 == 0
        for cell in sheet[n + 3]:
            cell.data_type = "s" if isinstance(cell.value, str) else cell.data_type  # "=" begins no formula here
    sheet.auto_filter.ref = "A2:C9"
    book.save(path)
    return path


def as_csv(path: Path, tagged: Path, *, delimiter: str, encoding: str) -> Path:
    out = path.with_suffix(".csv")
    with out.open("w", encoding=encoding, newline="") as file:
        writer = csv.DictWriter(file, list(COLUMNS), delimiter=delimiter)
        writer.writeheader()
        for row in rows_of(path):
            score = row["score"]
            writer.writerow(row | {"score": str(score).replace(".", ",") if score and delimiter == ";" else score})
    return out


def libreoffice(path: Path, tagged: Path) -> Path:
    program = shutil.which("soffice") or shutil.which("libreoffice")
    if program is None:
        pytest.skip("needs LibreOffice (soffice), which is not here")
    folder = path.parent / "resaved"
    profile = f"-env:UserInstallation=file://{path.parent}/profile"
    command = [program, profile, "--headless", "--convert-to", "xlsx", "--outdir", str(folder), str(path)]
    subprocess.run(command, check=True, capture_output=True, timeout=120)
    return folder / path.name


@pytest.mark.parametrize(
    "change",
    [
        lambda path, _: path,  # saved by openpyxl, as `decide` does
        shuffled,
        lambda p, t: as_csv(p, t, delimiter=",", encoding="utf-8"),
        lambda p, t: as_csv(p, t, delimiter=";", encoding="utf-8-sig"),
        lambda p, t: as_csv(p, t, delimiter="\t", encoding="utf-16"),
        libreoffice,
    ],
    ids=["resaved", "shuffled", "csv", "semicolons", "tabs", "libreoffice"],
)
@pytest.mark.parametrize("with_tagged", [False, True])
def test_nothing_is_lost_on_the_way(tagged: Path, change: Callable[[Path, Path], Path], with_tagged: bool) -> None:
    path = exported(tagged, "review.xlsx")
    decide(path, SOME)
    items = gather(read_tagged(tagged)).items if with_tagged else None
    assert said(import_files([change(path, tagged)], items=items)) == SAID


def test_our_own_csv_comes_back_with_its_formula_and_breaks(tagged: Path) -> None:
    path = exported(tagged, "review.csv", reviewer="Ann")
    rows = rows_of(path)
    for row in rows:
        row["decision"] = "accept"
    with path.open("w", encoding="utf-8-sig", newline="") as file:
        writer = csv.DictWriter(file, list(COLUMNS))
        writer.writeheader()
        writer.writerows(rows)
    texts = {text for text, *_ in said(import_files([path]))}
    assert texts == {o.outcome.text for t in sample() for o in t.outcomes}
    assert EVIL in texts


def test_rows_that_reviewers_add_are_additions(tagged: Path) -> None:
    path = exported(tagged, "review.xlsx")
    book = openpyxl.load_workbook(path)
    names = list(COLUMNS)
    added = {
        "outcome": "Prove a theorem about groups",
        "taxonomy": "sdg",
        "decision": "change",
        "change to": "4",
        "reviewer": "B",
    }
    book["review"].append([added.get(n) for n in names])
    book.save(path)
    assert said(import_files([path])) == {("Prove a theorem about groups", "add", SDG + "4")}


@pytest.mark.parametrize(
    ("cells", "expected"),
    [
        ({"decision": "perhaps"}, "`perhaps` is no decision"),
        ({"decision": "change"}, "column `change to`: is empty"),
        ({"decision": "change", "change to": "Clean watr and sanitation"}, "is it `Clean water and sanitation`?"),
        ({"decision": "change", "change to": "18"}, "`18` is no concept of `sdg`"),
        ({"decision": "change", "change to": "6"}, "is the tag itself"),
        ({"decision": "accept", "change to": "13"}, "but the decision is accept"),
        ({"change to": "13"}, "stands without a decision"),
        ({"decision": "accept", "outcome": "Another text"}, "one of them was changed"),
    ],
)
def test_what_cannot_be_used_is_said_and_the_rest_is_kept(tagged: Path, cells: dict[str, str], expected: str) -> None:
    path = exported(tagged, "review.xlsx")
    decide(path, {("Treat", "6"): cells, ("Prove", ""): {"decision": "accept"}})
    imported = import_files([path], reviewer="Ann")
    assert [c.text for c in imported.corrections] == ["Prove a theorem about groups"]
    [problem] = imported.problems
    assert imported.n_refused == 1 and expected in problem.render() and "row 2" in problem.render()
    assert problem.hint


def test_a_changed_outcome_is_found_again_by_its_id(tagged: Path) -> None:
    path = exported(tagged, "review.xlsx")
    decide(path, {("Treat", "6"): {"decision": "accept", "outcome": "Treat waste", "concept": "", "also": ""}})
    items = gather(read_tagged(tagged)).items
    assert {t for t, *_ in said(import_files([path], items=items, reviewer="A"))} == {
        t for t, d, c in SAID if c == SDG + "6" and d == "accept"
    }


def test_a_comment_without_a_decision_is_reported() -> None:
    from tagger.review.decisions import Decided
    from tagger.review.importing import to_corrections

    imported = to_corrections([Decided("", "", ("sdg",), "x", comment="not sure", source={"file": "f", "row": 3})])
    assert imported.n_open == 1 and "not imported" in imported.problems[0].render()


def test_a_code_that_a_spreadsheet_may_have_shortened_is_not_guessed() -> None:
    concepts = Concepts()
    assert concepts.resolve("17.1", ["sdg-targets"])[1].id == SDG + "17.1"
    with pytest.raises(ValueError, match=r"may be 17\.10"):
        concepts.resolve("17.1", ["sdg-targets"], may_be_shortened=True)
    assert concepts.resolve("6.1", ["sdg-targets"], may_be_shortened=True)[1].id == SDG + "6.1"


@pytest.mark.parametrize(
    "name", ["6", "sdg 6", "Goal 6", " clean water and  sanitation ", SDG + "6", "6 Clean water and sanitation"]
)
def test_concepts_are_found_by_any_of_their_names(name: str) -> None:
    assert Concepts().resolve(name, ["sdg"])[1].id == SDG + "6"


def test_every_line_of_a_drop_down_names_one_concept() -> None:
    concepts = Concepts()
    for taxonomy in ("sdg", "sdg-targets", "bloom", "esco"):
        lines = concepts.lines(taxonomy)
        for line, concept in list(zip(lines, concepts.taxonomy(taxonomy).concepts, strict=True))[::97]:
            assert concepts.resolve(line, [taxonomy])[1] is concept
        assert len(set(lines)) == len(lines)


def test_a_path_in_a_cell_is_no_taxonomy(tagged: Path) -> None:
    path = exported(tagged, "review.xlsx")
    row = {"outcome": "x", "taxonomy": "../secret", "decision": "change", "change to": "1"}
    book = openpyxl.load_workbook(path)
    book["review"].append([row.get(n) for n in COLUMNS])
    book.save(path)
    [problem] = import_files([path]).problems
    assert "is not an id" in problem.render()


# Reviewers -----------------------------------------------------------------------------------------------------------


def test_conflicts_and_agreement_of_two_reviewers(tagged: Path) -> None:
    one, two = exported(tagged, "one.xlsx"), exported(tagged, "two.xlsx")
    decide(
        one,
        {
            ("Treat", "6"): {"decision": "accept"},
            ("=SUM", "3"): {"decision": "reject"},
            ("=SUM", "13"): {"decision": "accept"},
        },
    )
    decide(
        two,
        {
            ("Treat", "6"): {"decision": "accept"},
            ("=SUM", "3"): {"decision": "accept"},
            ("<img", "3"): {"decision": "reject"},
        },
    )
    imported = import_files([one, two])
    assert len(imported.remarks) == 2 and "`one`" in imported.remarks[0]
    [conflict] = imported.conflicts
    assert conflict.said == (("one", "reject"), ("two", "accept"))
    assert imported.agreement.n_units == 2 and imported.agreement.share == 0.5 and imported.agreement.cohen == 0.0
    assert len(imported.corrections) == 8  # the shared question serves two wordings


def test_the_figures_are_those_of_the_literature() -> None:
    from tagger.review.agreement import agreement, fleiss_kappa, krippendorff_alpha

    # Krippendorff (2011), section C: four observers, twelve units, gaps; nominal alpha is 0.743.
    a = [1, 2, 3, 3, 2, 1, 4, 1, 2, None, None, None]
    b = [1, 2, 3, 3, 2, 2, 4, 1, 2, 5, None, 3]
    c = [None, 3, 3, 3, 2, 3, 4, 2, 2, 5, 1, None]
    d = [1, 2, 3, 3, 2, 4, 4, 1, 2, 5, 1, None]
    units = [[str(v) for v in unit if v is not None] for unit in zip(a, b, c, d, strict=True)]
    alpha = krippendorff_alpha(units)
    assert alpha is not None and round(alpha, 3) == 0.743
    # Fleiss (1971) as worked in many textbooks: ten subjects, fourteen raters, five categories; kappa is 0.210.
    counts = [(0, 0, 0, 0, 14), (0, 2, 6, 4, 2), (0, 0, 3, 5, 6), (0, 3, 9, 2, 0), (2, 2, 8, 1, 1),
              (7, 7, 0, 0, 0), (3, 2, 6, 3, 0), (2, 5, 3, 2, 2), (6, 5, 2, 1, 0), (0, 2, 2, 3, 7)]  # fmt: skip
    kappa = fleiss_kappa([[str(k) for k, n in enumerate(row) for _ in range(n)] for row in counts])
    assert kappa is not None and round(kappa, 3) == 0.210
    three = agreement([{"A": "x", "B": "x", "C": "y"}, {"A": "y", "B": "y", "C": "y"}])
    assert three.cohen is None and three.fleiss is not None and three.alpha is not None
    assert (
        agreement([{"A": "x", "B": "x"}]).alpha is None and "not defined" in agreement([{"A": "x", "B": "x"}]).render()
    )


# Label Studio --------------------------------------------------------------------------------------------------------


def test_label_studio_round_trip(tagged: Path) -> None:
    path = exported(tagged, "tasks.json")
    assert (path.parent / "tasks-config.xml").read_text() == CONFIG
    tasks = json.loads(path.read_text())
    assert all({"question", "outcome", "why", "title"} <= t["data"].keys() for t in tasks)
    [water] = [t for t in tasks if t["data"]["outcome"].startswith("Treat")]
    [span] = water["predictions"][0]["result"]
    assert water["data"]["outcome"][span["value"]["start"] : span["value"]["end"]] == "wastewater"

    def result(name: str, kind: str, value: dict[str, Any]) -> dict[str, Any]:
        return {"from_name": name, "to_name": "outcome", "type": kind, "value": value}

    full = [{"id": n, **t, "annotations": []} for n, t in enumerate(tasks, 1)]
    for task in full:
        if task["data"]["outcome"].startswith("Treat"):
            choices = [
                result("decision", "choices", {"choices": ["change"]}),
                result("change_to", "textarea", {"text": ["13", "6"]}),
            ]
            task["annotations"] = [
                {
                    "id": 9,
                    "completed_by": {"email": "ann@example.org"},
                    "result": choices,
                    "updated_at": "2026-01-02T03:04:05Z",
                }
            ]
        elif task["data"]["outcome"].startswith("Prove"):
            task["annotations"] = [{"id": 10, "completed_by": 2, "was_cancelled": True, "result": []}]
    path.write_text(json.dumps(full))
    imported = import_files([path])
    assert {(c.decision, c.concept) for c in imported.corrections} == {("accept", SDG + "6"), ("add", SDG + "13")}
    assert {c.reviewer for c in imported.corrections} == {"ann@example.org"}
    assert imported.corrections[0].when == "2026-01-02T03:04:05Z" and imported.n_open == 5

    minimal = [
        {**t["data"], "id": n, "annotator": 2, "decision": "reject"}
        for n, t in enumerate(tasks, 1)
        if t["data"]["concept"]
    ]
    path.write_text(json.dumps(minimal))
    imported = import_files([path])
    assert {c.decision for c in imported.corrections} == {"reject"} and imported.n_decided == 4
    assert {c.reviewer for c in imported.corrections} == {"Label Studio user 2"}


def test_other_json_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "x.json"
    for text, expected in (('{"a": 1}', "list of tasks"), ('[{"a": 1}]', "review_id"), ("[", "not JSON")):
        path.write_text(text)
        with pytest.raises(TaggerError, match=expected):
            import_files([path])


# Commands ------------------------------------------------------------------------------------------------------------


def test_the_commands(tagged: Path) -> None:
    review, out = tagged.parent / "review.xlsx", tagged.parent / "corrections.jsonl"
    done = runner.invoke(app, ["review", "export", str(tagged), "-o", str(review), "--no-neighbours"])
    assert done.exit_code == 0, done.output
    assert "5 tags and 2 outcomes without one: 6 questions" in done.stderr
    decide(review, SOME)
    done = runner.invoke(app, ["review", "import", str(review), "-o", str(out), "--tagged", str(tagged)])
    assert done.exit_code == 0, done.output
    assert "6 rows: 5 decided, 1 left open, 0 refused" in done.stderr
    assert {(c.text, c.decision, c.concept) for c in read_corrections(out)} == SAID
    decide(review, {("Treat", "6"): {"decision": "maybe"}})
    done = runner.invoke(app, ["review", "import", str(review), "-o", str(out)])
    assert done.exit_code == 2 and "`maybe` is no decision" in done.stderr
    assert len(read_corrections(out)) == 5


@pytest.mark.parametrize(
    ("arguments", "expected"),
    [
        (["export", "TAGGED", "-o", "x.pdf"], "this ending is not known"),
        (["export", "TAGGED", "-o", "TAGGED", "--format", "csv"], "is the tagged file itself"),
        (["export", "nowhere.jsonl", "-o", "x.csv"], "no such file"),
        (["import", "TAGGED", "-o", "TAGGED"], "is one of the files to read"),
        (
            ["import", "other.csv", "-o", "x.jsonl"],
            "lacks the columns `decision`, `outcome`, `taxonomy`; found `a`, `b`",
        ),
    ],
)
def test_errors(tagged: Path, monkeypatch: pytest.MonkeyPatch, arguments: list[str], expected: str) -> None:
    monkeypatch.chdir(tagged.parent)
    (tagged.parent / "other.csv").write_text("a,b\n1,2\n")
    with pytest.raises(TaggerError) as caught:
        runner.invoke(
            app, ["review", *(str(tagged) if a == "TAGGED" else a for a in arguments)], catch_exceptions=False
        )
    assert expected in caught.value.message and caught.value.hint
