from __future__ import annotations

import csv
import json
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parent.parent
VERBS = {
    "remember": ("List", "Name", "Recall"),
    "create": ("Design", "Compose", "Devise"),
    "apply": ("Use", "Operate", "Apply"),
}


def run(*arguments: str, cwd: Path) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, "-m", "tagger", *arguments]
    return subprocess.run(
        command, cwd=cwd, env={"PYTHONPATH": str(ROOT), "PATH": "", "OMP_NUM_THREADS": "1"}, capture_output=True, text=True, check=False
    )  # fmt: skip


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("cli")
    nouns = ("the pumps", "a report", "some budgets", "all tools", "a map", "the rules", "our plan", "this form")
    with (path / "labels.csv").open("w", newline="") as file:
        rows = [(f"{verb} {noun}", level) for level, verbs in VERBS.items() for verb in verbs for noun in nouns]
        csv.writer(file).writerows([("Aim", "Bloom level"), *rows])
    (path / "catalogue.csv").write_text("id,title,learning outcomes\nA,Pumps,Design a pump; List the parts of a pump\n")
    done = run("train", "bloom", "--data", "labels.csv", "--map", "text=Aim", "-o", "my-bloom", cwd=path)
    assert done.returncode == 0, done.stderr
    assert "72 texts to learn from" in done.stderr and "tagger tag --model my-bloom" in done.stderr
    return path


def test_the_new_model_tags_at_once(folder: Path) -> None:
    done = run("tag", "catalogue.csv", "--model", "my-bloom/", "-q", cwd=folder)
    assert done.returncode == 0, done.stderr
    [record] = map(json.loads, done.stdout.splitlines())
    assert {t["model"] for t in record["tags"]} == {"my-bloom@1.0.0"}


def test_evaluation_is_printed_and_written_into_manifest_and_card(folder: Path) -> None:
    done = run(
        "evaluate", "my-bloom", "--data", "labels.csv", "--map", "text=Aim", "--against", "shipped", "--html", "x.html", cwd=folder
    )  # fmt: skip
    assert done.returncode == 0, done.stderr
    assert "all (micro)" in done.stdout and "macro-F1" in done.stdout
    metrics = json.loads((folder / "my-bloom" / "manifest.json").read_text())["metrics"]
    assert metrics["evaluation"]["against"]["model"].startswith("bloom@") and "cross_validation" in metrics
    assert "## Measured: evaluation" in (folder / "my-bloom" / "README.md").read_text()
    assert "<svg" in (folder / "x.html").read_text()


def test_a_shipped_model_is_measured_and_left_alone(folder: Path) -> None:
    done = run("evaluate", "bloom", "--data", "labels.csv", "--map", "text=Aim", "--json", cwd=folder)
    assert done.returncode == 0, done.stderr
    assert json.loads(done.stdout)["n"] == 72 and "manifest" not in done.stderr


def test_promotion_and_its_refusal(folder: Path) -> None:
    gate = ("--gate", "labels.csv", "--map", "text=Aim")
    done = run("models", "promote", "my-bloom", *gate, "--to", "live", cwd=folder)
    assert done.returncode == 0, done.stderr
    assert (folder / "live" / "manifest.json").is_file()
    poor = folder / "poor.csv"
    with poor.open("w", newline="") as file:
        csv.writer(file).writerows(
            [("text", "labels"), *((f"{v} it {i}", "evaluate") for v in ("List", "Design") for i in range(60))]
        )
    assert run("train", "bloom", "--data", "poor.csv", "-o", "poor", "-q", cwd=folder).returncode == 0
    before = (folder / "live" / "manifest.json").read_bytes()
    refused = run("models", "promote", "poor", *gate, "--over", "live", cwd=folder)
    assert refused.returncode == 2 and "may not take the place of" in refused.stderr
    assert (folder / "live" / "manifest.json").read_bytes() == before
    forced = run("models", "promote", "poor", *gate, "--over", "live", "--force", cwd=folder)
    assert forced.returncode == 0 and "forced although" in forced.stderr
    assert json.loads((folder / "live" / "manifest.json").read_text())["promotion"]["verdict"] == "forced"


def test_diff_lists_what_would_change(folder: Path) -> None:
    done = run("models", "diff", "bloom", "bloom", "catalogue.csv", cwd=folder)
    assert done.returncode == 0 and "0 tags gained, 0 lost" in done.stderr
    assert run("models", "diff", "bloom", "sdg", "catalogue.csv", cwd=folder).returncode == 2


def test_errors_have_one_form(folder: Path) -> None:
    done = run("train", "bloom", "--data", "labels.csv", "-o", "m", cwd=folder)
    assert done.returncode == 2 and "no column for text" in done.stderr and "found `Aim`" in done.stderr
    assert "hint: name it, as in --map text=COLUMN" in done.stderr and "Traceback" not in done.stderr
    assert not (folder / "m").exists()


def test_listing_models_still_works(folder: Path) -> None:
    assert "sdg" in run("models", cwd=folder).stdout
