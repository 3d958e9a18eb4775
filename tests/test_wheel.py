"""The wheel works in a bare environment, from any folder, with models and taxonomies inside."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import zipfile
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parent.parent


@pytest.fixture(scope="module")
def wheel(tmp_path_factory: pytest.TempPathFactory) -> Path:
    out = tmp_path_factory.mktemp("dist")
    subprocess.run(
        [sys.executable, "-m", "build", "--wheel", "--no-isolation", "--outdir", str(out), str(ROOT)],
        check=True,
        capture_output=True,
    )
    [path] = out.glob("*.whl")
    return path


def test_the_wheel_holds_models_and_taxonomies_and_nothing_else(wheel: Path) -> None:
    names = zipfile.ZipFile(wheel).namelist()
    for needed in (
        "tagger/models/encoder/model.onnx",
        "tagger/models/sdg/arrays.npz",
        "tagger/taxonomies/esco/concepts.csv",
        "tagger/lexicon/en.toml",
        "tagger/py.typed",
    ):
        assert needed in names
    assert any(n.startswith("tagger/report/") and n.endswith(".j2") for n in names)
    assert {n.split("/")[0].split("-")[0] for n in names} == {"tagger", "outcome_tagger"}


@pytest.mark.wheel
def test_the_wheel_tags_from_another_folder(wheel: Path, tmp_path: Path) -> None:
    venv = tmp_path / "venv"
    subprocess.run([sys.executable, "-m", "venv", str(venv)], check=True)
    python = venv / ("Scripts" if os.name == "nt" else "bin") / "python"
    constraints = ROOT / "constraints.txt"
    pip = [str(python), "-m", "pip", "--disable-pip-version-check"]
    probe = subprocess.run(
        [*pip, "download", "-q", "--no-deps", "-d", str(tmp_path / "probe"), "typing-extensions"], check=False
    )
    if probe.returncode:
        pytest.skip("needs a package index to fill a bare environment, and none can be reached")
    subprocess.run([*pip, "install", "-q", "-c", str(constraints), str(wheel)], check=True)
    listed = subprocess.run([str(python), "-m", "pip", "list"], check=True, capture_output=True, text=True).stdout
    assert "torch" not in listed
    elsewhere = tmp_path / "elsewhere"
    elsewhere.mkdir()
    (elsewhere / "c.jsonl").write_text(
        json.dumps({"id": "1", "outcomes": ["Treat wastewater before it is reused"]}) + "\n"
    )
    command = python.with_name("tagger")
    environment = {k: v for k, v in os.environ.items() if k != "PYTHONPATH"}
    done = subprocess.run(
        [str(command), "tag", "c.jsonl", "-o", "-"],
        cwd=elsewhere,
        capture_output=True,
        text=True,
        env=environment,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    tags = json.loads(done.stdout)["tags"]
    assert "http://metadata.un.org/sdg/6" in {t["concept"] for t in tags}
