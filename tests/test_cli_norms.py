"""The commands norms and stack, and tag --norm, on a small catalogue made here."""

from __future__ import annotations

import csv
import json
from pathlib import Path

import pytest
from typer.testing import CliRunner

from tagger.cli import app
from tagger.errors import TaggerError

runner = CliRunner()
THINGS = (
    "drinking water",
    "wind turbines",
    "chronic wounds",
    "coral reefs",
    "labour law",
    "cooling circuits",
    "budgets",
)
VERBS = ("Describe", "Explain", "Test", "Compare", "Design", "Evaluate", "Present", "Measure", "Plan")


def rows(n: int) -> list[dict[str, object]]:
    made: list[dict[str, object]] = []
    for i in range(n):
        thing = THINGS[i % len(THINGS)]
        outcomes = [f"{verb} {THINGS[(i + j) % 7]}." for j, verb in enumerate(VERBS[: 3 + i % 5])]
        made.append(
            {
                "id": f"C{i}",
                "title": f"On {thing} {i}",
                "outcomes": "\n".join(outcomes),
                "credits": (3, 5, 6, 10)[i % 4],
            }
        )
    return made


def write(path: Path, found: list[dict[str, object]]) -> Path:
    with path.open("w", encoding="utf-8", newline="") as file:
        writer = csv.DictWriter(file, [*found[0], "credit system", "framework", "level"])
        writer.writeheader()
        writer.writerows({**row, "credit system": "ECTS", "framework": "EQF", "level": "6"} for row in found)
    return path


@pytest.fixture(scope="module")
def built(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("norms")
    catalogue = write(folder / "own.csv", rows(120))
    done = runner.invoke(app, ["norms", "build", str(catalogue), "-o", str(folder / "n"), "--title", "our courses"])
    assert done.exit_code == 0, done.output
    return folder


def test_built_norms_are_shown_and_used(built: Path) -> None:
    shown = json.loads(runner.invoke(app, ["norms", "show", str(built / "n"), "--json"]).stdout)
    assert shown["density"][0]["title"] == "our courses" and shown["density"][0]["n_courses"] == 120
    assert "Mid Sweden" in shown["density"][-1]["title"] and shown["breadth"]["title"] == "our courses"
    text = runner.invoke(app, ["norms", "show", str(built / "n")]).stdout
    assert "our courses" in text and "95th percentile" in text
    crowded = [
        {"id": "X", "title": "All", "outcomes": "\n".join(f"{v} {t}." for t in THINGS for v in VERBS[:3]), "credits": 5}
    ]
    out = built / "out.jsonl"
    catalogue = write(built / "crowded.csv", crowded)
    done = runner.invoke(app, ["tag", str(catalogue), "--norm", str(built / "n"), "-o", str(out), "-q"])
    assert done.exit_code == 0, done.output
    [record] = map(json.loads, out.read_text("utf-8").splitlines())
    found = {f["rule"]: f for f in record["findings"]}
    assert "our courses" in found["density"]["norm"] and "our courses" in found["overloaded"]["norm"]
    if "breadth" in found:
        assert found["overloaded"]["severity"] == "red"
    for part in found["overloaded"].get("parts", []):
        assert set(part) == {"outcomes", "terms", "skills", "notional_hours", "credits"}


def test_shipped_norms_are_shown() -> None:
    done = runner.invoke(app, ["norms", "show"])
    assert done.exit_code == 0 and "Mid Sweden University" in done.stdout and "breadth" in done.stdout


def test_too_small_a_catalogue_makes_no_norm(tmp_path: Path) -> None:
    catalogue = write(tmp_path / "few.csv", rows(20))
    with pytest.raises(TaggerError, match="20 courses list outcomes and their size, a norm needs at least 100"):
        runner.invoke(app, ["norms", "build", str(catalogue), "-o", str(tmp_path / "n"), "-q"], catch_exceptions=False)
    assert not (tmp_path / "n").exists()


def test_stack_prints_and_writes(tmp_path: Path) -> None:
    catalogue = write(tmp_path / "c.csv", [*rows(6), {**rows(1)[0], "id": "TWIN", "title": "The same again"}])
    out, page = tmp_path / "s.json", tmp_path / "s.html"
    done = runner.invoke(app, ["stack", str(catalogue), "-o", str(out), "--report", str(page), "-q"])
    assert done.exit_code == 0, done.output
    record = json.loads(out.read_text("utf-8"))
    assert {"C0", "TWIN"} in [{d["first"]["id"], d["second"]["id"]} for d in record["near_duplicates"]]
    assert "Near-duplicates: " in done.stdout and "TWIN" in done.stdout and "TWIN" in page.read_text("utf-8")
