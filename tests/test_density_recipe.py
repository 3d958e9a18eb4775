"""The recipe of the density norm: what it reads, how it splits, and that the shipped folder is what it makes."""

from __future__ import annotations

import gzip
import hashlib
import json
from pathlib import Path

import numpy as np
import pytest

from tagger.density import load_norm
from tagger.shipped import shipped
from training import density


def write_catalogue(folder: Path, n: int = 400) -> None:
    rng = np.random.default_rng(7)
    with gzip.open(folder / "miun_sweden.jsonl.gz", "wt", encoding="utf-8") as lines:
        for i in range(n):
            credits = float(rng.choice([3.0, 7.5, 15.0, 30.0]))
            goals = [f"mål {j}" for j in range(max(int(rng.poisson(5.3 * (credits / 7.5) ** 0.43)), 1))]
            row = {"credits": credits, "subject": f"subject {i % 20}", "outcomes_sv": [*goals, "MÅL 0."]}
            row["outcomes_en"] = ["Analyse data and explain their meaning.", "Write reports."] if i % 2 else []
            lines.write(json.dumps(row) + "\n")
        lines.write(json.dumps({"credits": None, "subject": "s", "outcomes_sv": ["mål"]}) + "\n")
        lines.write(json.dumps({"credits": 5.0, "subject": "s", "outcomes_sv": []}) + "\n")


def test_recipe_reads_fits_and_writes(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    write_catalogue(tmp_path)
    courses = density.read_courses(tmp_path)
    assert len(courses) == 400 and {round(c.hours) for c in courses} == {80, 200, 400, 800}
    out = tmp_path / "norm"
    assert density.main(["--catalogues", str(tmp_path), "--out", str(out)]) == 0
    assert capsys.readouterr().out == ""
    norm = load_norm(out)
    assert norm.growth == pytest.approx(0.45, abs=0.12) and norm.acts_per_outcome == 1.5
    manifest = json.loads((out / "manifest.json").read_text("utf-8"))
    assert manifest["sources"][0]["n_courses"] == 400 and "licence" in manifest["sources"][0]
    assert manifest["metrics"]["above_95"] < 0.08


def test_check_compares_and_writes_nothing(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    write_catalogue(tmp_path, 200)
    out = tmp_path / "norm"
    assert density.main(["--catalogues", str(tmp_path), "--out", str(out), "--check"]) == 0
    rows = [json.loads(line) for line in capsys.readouterr().out.splitlines()]
    assert [row["model"] for row in rows] == list(density.CANDIDATES)
    assert not out.exists()


def test_folds_keep_subjects_whole() -> None:
    courses = [density.Course(5, 200.0, f"s{i % 11}") for i in range(110)]
    fold = density.folds(courses, 4)
    assert set(fold) == {0, 1, 2, 3}
    assert all(len({int(f) for c, f in zip(courses, fold, strict=True) if c.subject == s}) == 1 for s in ("s0", "s7"))


def test_missing_catalogue_is_an_error(tmp_path: Path) -> None:
    with pytest.raises(SystemExit, match=r"miun_sweden\.jsonl\.gz.*no such file"):
        density.main(["--catalogues", str(tmp_path)])


def test_shipped_folder_is_whole() -> None:
    folder = shipped("models") / "density"
    manifest = json.loads((folder / "manifest.json").read_text("utf-8"))
    assert {p.name for p in folder.iterdir()} == {"manifest.json", "README.md", *manifest["files"]}
    for name, expected in manifest["files"].items():
        assert hashlib.sha256((folder / name).read_bytes()).hexdigest() == expected
    assert {"id", "version", "program", "sources", "metrics"} <= set(manifest)
    card = (folder / "README.md").read_text("utf-8")
    metrics = manifest["metrics"]
    norm = load_norm()
    assert all(str(figure) in card for figure in (norm.growth, metrics["pinball"], metrics["above_95"]))
    assert f"`acts_per_outcome` ({norm.acts_per_outcome})" in card
