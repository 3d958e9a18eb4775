"""What the README says holds: every command block runs, every make target that it names exists, every link leads somewhere."""

from __future__ import annotations

import os
import re
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parent.parent
README = (ROOT / "README.md").read_text(encoding="utf-8")
BLOCKS = re.findall(r"```(sh|python)\n(.*?)```", README, flags=re.DOTALL)
# `make` blocks set up an environment and run this very suite: their recipes are what continuous integration runs.
RUN = [(kind, body) for kind, body in BLOCKS if not body.startswith("make ") and not body.startswith("pip ")]


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("readme")
    shutil.copytree(ROOT / "examples", path / "examples")
    shutil.copy(ROOT / "examples" / "catalogue.csv", path / "their.csv")
    (path / "bin").mkdir()
    launcher = path / "bin" / "tagger"
    launcher.write_text(f'#!/bin/sh\nexec "{sys.executable}" -m tagger "$@"\n')
    launcher.chmod(0o755)
    return path


def test_there_is_something_to_run() -> None:
    assert sum(kind == "sh" for kind, _ in RUN) >= 4 and any(kind == "python" for kind, _ in RUN)


@pytest.mark.parametrize(("kind", "body"), RUN)
def test_block_runs(kind: str, body: str, folder: Path) -> None:
    environment = os.environ | {"PATH": f"{folder / 'bin'}{os.pathsep}{os.environ['PATH']}", "PYTHONPATH": str(ROOT)}
    command = ["sh", "-e", "-c", body] if kind == "sh" else [sys.executable, "-c", body]
    done = subprocess.run(command, cwd=folder, env=environment, capture_output=True, text=True, check=False)
    assert done.returncode == 0, f"{body}\n{done.stdout}\n{done.stderr}"


def test_links_lead_somewhere() -> None:
    for target in re.findall(r"\]\(([^)#]+)\)", README):
        assert target.startswith("https://") or (ROOT / target).exists(), target


def test_make_targets_named_in_the_readme_exist() -> None:
    makefile = (ROOT / "Makefile").read_text(encoding="utf-8")
    for target in re.findall(r"(?:`|^)make ([a-z-]+)", README, flags=re.MULTILINE):
        assert re.search(rf"^{target}:", makefile, flags=re.MULTILINE), target


def test_the_demo_target_is_what_the_readme_says() -> None:
    makefile = (ROOT / "Makefile").read_text(encoding="utf-8")
    [recipe] = re.findall(r"tagger (tag examples/catalogue\.csv [^\n]+)", makefile)
    assert "demo/report.html" in recipe and "demo/report.html" in README


def test_the_readme_shows_the_results_that_are_on_file() -> None:
    results = (ROOT / "training" / "gold" / "results.md").read_text(encoding="utf-8").strip()
    assert results in README


def test_the_results_are_those_of_the_shipped_models() -> None:
    from tagger.model import Model, shipped_models

    named = re.search(r"Models: (.*)\.\n", (ROOT / "training" / "gold" / "results.md").read_text(encoding="utf-8"))
    assert named is not None
    assert set(named[1].split(", ")) == {Model.load(name).name for name in shipped_models()}
