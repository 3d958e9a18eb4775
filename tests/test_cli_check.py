"""`tagger check`: findings without a model, of a catalogue or of one draft."""

from __future__ import annotations

import csv
import json
import sys
from pathlib import Path

import pytest
from typer.testing import CliRunner, Result

from tagger.cli import app
from tagger.errors import TaggerError
from tagger.records import TaggedCredential

SAMPLE = Path(__file__).resolve().parent.parent / "examples" / "catalogue.csv"
DRAFT = "On completion, learners will be able to:\n- know the parts of a cell\n- weld two plates\n"


def check(*arguments: str, stdin: str | None = None) -> Result:
    return CliRunner().invoke(app, ["check", *arguments], input=stdin, catch_exceptions=False)


def test_a_catalogue() -> None:
    done = check(str(SAMPLE))
    assert done.exit_code == 0
    lines = done.stdout.splitlines()
    at = next(n for n, line in enumerate(lines) if "MKT-220" in line and "wording-vague-verb" in line)
    with SAMPLE.open(encoding="utf-8", newline="") as file:
        row = [r["code"] for r in csv.DictReader(file)].index("MKT-220") + 2
    assert lines[at].startswith(f"{SAMPLE}:{row}: MKT-220: amber wording-vague-verb: ")
    assert lines[at + 1] == "    MKT-220/1: [Know] about search engines."
    assert "-> Say what the learner does" in "\n".join(lines[at : at + 5])
    assert "red size-award" in done.stdout and "16 credentials" in done.stderr
    assert "density" not in done.stdout and "level-mismatch" not in done.stdout


def test_no_model_is_loaded() -> None:
    loaded = [name for name in ("tagger.encoder", "tagger.model", "onnxruntime", "torch") if name in sys.modules]
    assert check("-", stdin=DRAFT).exit_code == 0
    if not loaded:
        assert "tagger.model" not in sys.modules and "onnxruntime" not in sys.modules


def test_json_is_the_record() -> None:
    done = check(str(SAMPLE), "--json", "-q")
    records = [json.loads(line) for line in done.stdout.splitlines()]
    assert len(records) == 16 and done.stderr == ""
    for record in records:
        assert TaggedCredential.from_dict(record).to_dict() == record
        texts = {o["id"]: o["text"] for o in record["outcomes"]}
        for e in (e for f in record["findings"] for e in f["evidence"]):
            assert texts[e["outcome"]][e["start"] : e["end"]] == e["text"]
    assert any(reason.startswith("size: ") for r in records for reason in r["not_checked"])


def test_a_draft() -> None:
    done = check("-", stdin=DRAFT)
    assert done.stdout.splitlines()[:2] == [
        "draft: amber wording-vague-verb: 1 of 2 outcomes rests on words that are harder to assess: “know”.",
        "    draft/1: [know] the parts of a cell",
    ]
    assert check("-", "-q", stdin="Weld two plates").stdout == ""
    low = "- describe a cell\n- explain a nerve\n- summarise a theory\n"
    assert "wording-low-level" in check("-", "--framework", "SCQF", "--level", "11", stdin=low).stdout
    assert "wording-low-level" not in check("-", "--framework", "SCQF", "--level", "9", stdin=low).stdout


def test_records_on_standard_input() -> None:
    done = check(
        "-", "--format", "jsonl", "-q", stdin=json.dumps({"id": "A", "outcomes": ["Know the parts of a cell"]})
    )
    assert "A: amber wording-vague-verb" in done.stdout


@pytest.mark.parametrize(
    ("severity", "stdin", "code"),
    [("info", DRAFT, 1), ("amber", DRAFT, 1), ("red", DRAFT, 0), ("info", "Weld two plates", 0)],
)
def test_fail_on(severity: str, stdin: str, code: int) -> None:
    assert check("-", "--fail-on", severity, stdin=stdin).exit_code == code


def test_only_some_rules() -> None:
    sizes = check(str(SAMPLE), "--rule", "size", "-q").stdout
    assert "size-award" in sizes and "wording" not in sizes
    some = check(str(SAMPLE), "--rule", "wording-vague-verb", "-q").stdout
    assert "wording-vague-verb" in some and "wording-several" not in some and "size" not in some


@pytest.mark.parametrize(
    ("arguments", "stdin", "said"),
    [
        (["-", "--fail-on", "blue"], DRAFT, "--fail-on blue"),
        (["-", "--rule", "density"], DRAFT, "--rule density"),
        (["-"], " \n", "no outcome"),
        ([str(SAMPLE), "--level", "7"], None, "draft on standard input"),
    ],
)
def test_what_cannot_be_checked(arguments: list[str], stdin: str | None, said: str) -> None:
    with pytest.raises(TaggerError, match=said):
        check(*arguments, stdin=stdin)
