from __future__ import annotations

import csv
import json
import os
import subprocess
import sys
from pathlib import Path

import pytest
from typer.testing import CliRunner

from tagger.cli import app
from tagger.errors import TaggerError
from tagger.records import TaggedCredential

SAMPLE = Path(__file__).resolve().parent.parent / "examples" / "catalogue.csv"
runner = CliRunner()


def run(*arguments: str, stdin: str | None = None) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, "-m", "tagger", *arguments]
    return subprocess.run(command, capture_output=True, text=True, input=stdin, encoding="utf-8", check=False)


@pytest.fixture(scope="module")
def tagged(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("tagged")
    out = folder / "tagged.jsonl"
    done = run("tag", str(SAMPLE), "-o", str(out), "-o", str(folder / "t.xlsx"), "--report", str(folder / "r.html"))
    assert done.returncode == 0, done.stderr
    assert done.stdout == ""
    assert "16 rows: 16 credentials" in done.stderr
    assert "`ten`" in done.stderr
    return out


def test_every_row_is_in_the_output(tagged: Path) -> None:
    with SAMPLE.open(encoding="utf-8", newline="") as file:
        codes = [row["code"] for row in csv.DictReader(file)]
    records = [json.loads(line) for line in tagged.read_text(encoding="utf-8").splitlines()]
    assert [r["id"] for r in records] == codes
    for record in records:
        assert TaggedCredential.from_dict(record).to_dict() == record
    rules = {(r["id"], f["rule"], f["severity"]) for r in records for f in r["findings"]}
    assert ("PGC-700", "size-award", "red") in rules
    assert ("EDU-331", "size-above-maximum", "red") in rules
    assert any(id_ == "SUS-001" and rule == "density" for id_, rule, _ in rules)


def test_the_same_input_gives_the_same_bytes(tagged: Path, tmp_path: Path) -> None:
    again = tmp_path / "again.jsonl"
    done = run(
        "tag", str(SAMPLE), "-o", str(again), "-o", str(tmp_path / "t.xlsx"), "--report", str(tmp_path / "r.html")
    )
    assert done.returncode == 0
    assert again.read_bytes() == tagged.read_bytes()
    for name in ("t.xlsx", "r.html"):
        assert (tmp_path / name).read_bytes() == (tagged.parent / name).read_bytes()


def test_the_report_is_one_offline_file(tagged: Path) -> None:
    html = (tagged.parent / "r.html").read_text(encoding="utf-8")
    assert "PGC-700" in html
    for outside in ('src="http', "src='http", 'href="http://cdn', "@import"):
        assert outside not in html


def test_fail_on_sets_the_exit_code(tmp_path: Path) -> None:
    out = str(tmp_path / "x.jsonl")
    assert run("tag", str(SAMPLE), "-o", out, "--fail-on", "red", "-q").returncode == 1
    clean = tmp_path / "clean.csv"
    clean.write_text("id,title,outcomes,credits,level,framework\n1,A,Weld a lap joint,10,5,NZQCF\n")
    assert run("tag", str(clean), "-o", out, "--fail-on", "red", "-q").returncode == 0
    assert run("tag", str(clean), "-o", out, "--fail-on", "purple").returncode == 2


def test_standard_input_to_standard_output() -> None:
    record = {"id": "1", "title": "T", "outcomes": ["Treat wastewater", "Prove a theorem"]}
    done = run("tag", "-", stdin=json.dumps(record) + "\nnot json\n")
    lines = [json.loads(line) for line in done.stdout.splitlines()]
    assert [line["id"] for line in lines] == ["1", "row-2"]
    assert lines[1]["problems"] and not lines[1]["outcomes"]
    assert "row 2" in done.stderr


def test_a_missing_file_is_one_clear_error() -> None:
    done = run("tag", "no-such.csv")
    assert done.returncode == 2
    assert done.stderr.startswith("error: `no-such.csv`")
    assert "hint: " in done.stderr and "Traceback" not in done.stderr


def test_the_catalogue_is_never_overwritten(tmp_path: Path) -> None:
    file = tmp_path / "c.csv"
    file.write_bytes(SAMPLE.read_bytes())
    done = run("tag", str(file), "-o", str(file))
    assert done.returncode == 2 and "is the catalogue itself" in done.stderr
    assert file.read_bytes() == SAMPLE.read_bytes()


def test_inspect_shows_what_is_understood() -> None:
    done = runner.invoke(app, ["inspect", str(SAMPLE)])
    assert done.exit_code == 0
    for expected in ("learning outcomes", "16", "ECTS", "ten"):
        assert expected in done.stdout
    as_json = runner.invoke(app, ["inspect", str(SAMPLE), "--json"])
    assert json.loads(as_json.stdout)["format"] == "csv"


def test_map_overrules_the_guess(tmp_path: Path) -> None:
    file = tmp_path / "c.csv"
    file.write_text("id,aims,outcomes\n1,Weld a lap joint,Prove a theorem\n")
    done = runner.invoke(app, ["tag", str(file), "--map", "outcomes=aims", "-q", "--model", "bloom"])
    assert [o["text"] for o in json.loads(done.stdout)["outcomes"]] == ["Weld a lap joint"]
    with pytest.raises(TaggerError, match="outcomes"):
        runner.invoke(app, ["tag", str(file), "--map", "outcomes=outcome", "-q"], catch_exceptions=False)


@pytest.mark.parametrize("item", ["outcomes", "=aims", "outcomes="])
def test_a_malformed_map_is_refused(item: str) -> None:
    with pytest.raises(TaggerError, match="FIELD=COLUMN"):
        runner.invoke(app, ["tag", str(SAMPLE), "--map", item], catch_exceptions=False)


def test_explain_prints_tags_and_runners_up() -> None:
    done = runner.invoke(app, ["explain", "Design a rainwater harvesting system for a village"])
    assert done.exit_code == 0
    assert "Clean water and sanitation" in done.stdout and "because of" in done.stdout and "threshold" in done.stdout
    as_json = runner.invoke(app, ["explain", "Design a rainwater harvesting system", "--json"])
    assert {t["taxonomy"] for t in json.loads(as_json.stdout)["taxonomies"]} >= {
        "sdg",
        "sdg-targets",
        "esco",
        "bloom",
        "eqf",
    }


def test_explain_says_what_would_have_changed_the_answer() -> None:
    done = runner.invoke(
        app, ["explain", "Design a rainwater harvesting system for a village", "--model", "sdg", "--json"]
    )
    [tag] = json.loads(done.stdout)["taxonomies"][0]["tags"]
    assert tag["without_evidence"] < tag["threshold"] < tag["score"]
    done = runner.invoke(app, ["explain", "Wastewater", "--model", "sdg", "--json"])
    for tag in json.loads(done.stdout)["taxonomies"][0]["tags"]:
        assert tag["without_evidence"] is None  # nothing would be left


def test_explain_refuses_nothing() -> None:
    with pytest.raises(TaggerError, match="empty"):
        runner.invoke(app, ["explain", "  "], catch_exceptions=False)


def test_suggest_has_the_agreed_form() -> None:
    done = runner.invoke(
        app, ["suggest", "--taxonomy", "sdg", "--top", "3", "-"], input="Treat wastewater\n\nProve it\n"
    )
    lines = [json.loads(line) for line in done.stdout.splitlines()]
    assert [line["text"] for line in lines] == ["Treat wastewater", "Prove it"]
    for line in lines:
        assert list(line) == ["text", "suggestions"] and len(line["suggestions"]) == 3
        assert all(list(s) == ["concept", "label", "score"] for s in line["suggestions"])
    assert lines[0]["suggestions"][0]["concept"] == "http://metadata.un.org/sdg/6"


def test_suggest_names_the_taxonomies_there_are() -> None:
    with pytest.raises(TaggerError, match="sgd"):
        runner.invoke(app, ["suggest", "--taxonomy", "sgd", "-"], input="x\n", catch_exceptions=False)


@pytest.mark.parametrize("command", ["models", "taxonomies"])
def test_what_is_installed_is_listed_and_whole(command: str) -> None:
    done = runner.invoke(app, [command])
    assert done.exit_code == 0
    assert "sdg" in done.stdout and "ok" in done.stdout and "altered" not in done.stdout


def test_version_and_help() -> None:
    assert runner.invoke(app, ["--version"]).stdout.startswith("tagger ")
    assert "explain" in runner.invoke(app, ["--help"]).stdout


def test_help_loads_nothing_heavy() -> None:
    code = "import sys; sys.argv=['tagger','--help']\nfrom tagger.cli import main\ntry:\n main()\nexcept SystemExit: pass\n"
    code += (
        "print([m for m in ('numpy','spacy','pyarrow','onnxruntime','sklearn','scipy','openpyxl') if m in sys.modules])"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.splitlines()[-1] == "[]"


def test_tagging_needs_no_torch_and_no_network(tmp_path: Path) -> None:
    code = (
        "import sys, socket\n"
        "def refuse(*a, **k): raise AssertionError('network')\n"
        "socket.socket.connect = refuse; socket.getaddrinfo = refuse\n"
        "sys.modules['torch'] = None; sys.modules['sentence_transformers'] = None; sys.modules['transformers'] = None\n"
        f"sys.argv = ['tagger', 'tag', {str(SAMPLE)!r}, '-o', {str(tmp_path / 'o.jsonl')!r}, '-q']\n"
        "from tagger.cli import main\nmain()\n"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    assert len((tmp_path / "o.jsonl").read_text(encoding="utf-8").splitlines()) == 16


def test_a_closed_pipe_is_not_taken_for_findings(tmp_path: Path) -> None:
    file = tmp_path / "lines.txt"
    file.write_text("".join(f"Treat water {n}\n" for n in range(3000)))
    command = [sys.executable, "-m", "tagger", "suggest", "--taxonomy", "bloom", str(file)]
    with subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE) as process:
        assert process.stdout is not None and process.stderr is not None
        process.stdout.readline()
        process.stdout.close()
        said = process.stderr.read()
    assert process.returncode == 2 and b"Traceback" not in said


@pytest.mark.skipif(sys.platform == "win32", reason="signals differ")
def test_an_interrupt_is_said_and_leaves_no_file(tmp_path: Path) -> None:
    code = (
        "import os, signal, sys\n"
        "signal.signal(signal.SIGINT, signal.default_int_handler)\n"  # a job in the background may ignore it
        "import tagger.engine\n"
        "def stop(*a, **k): os.kill(os.getpid(), signal.SIGINT)\n"
        "tagger.engine.Summary.add = stop\n"
        f"sys.argv = ['tagger', 'tag', {str(SAMPLE)!r}, '-o', {str(tmp_path / 'o.jsonl')!r}, '-q', '--model', 'bloom']\n"
        "from tagger.cli import main\nmain()\n"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=False)
    assert done.returncode == 2 and "stopped before the end" in done.stderr
    assert list(tmp_path.iterdir()) == []


def test_output_is_utf8_whatever_the_locale() -> None:
    environment = os.environ | {"PYTHONIOENCODING": "cp1252"}
    command = [sys.executable, "-m", "tagger", "explain", "--model", "sdg", "Treat drinking water with filters"]
    done = subprocess.run(command, capture_output=True, env=environment, check=False)
    assert done.returncode == 0 and "✓" in done.stdout.decode("utf-8")


def test_a_text_file_that_is_not_utf8_is_one_clear_error(tmp_path: Path) -> None:
    file = tmp_path / "lines.txt"
    file.write_bytes(b"caf\xe9 management\n")
    with pytest.raises(TaggerError, match="not UTF-8"):
        runner.invoke(app, ["suggest", "--taxonomy", "bloom", str(file)], catch_exceptions=False)


@pytest.mark.parametrize(
    ("more", "said"),
    [
        (["-o", "x.jsonl"], "given twice"),
        (["--report", "x.jsonl"], "given twice"),
        (["--report", "no/r.html"], "in a folder that exists"),
        (["--report", "."], "in a folder that exists"),
        (["--report", "-"], "in a folder that exists"),
        (["-o", "-", "-o", "-"], "given twice"),
        (["-o", "y.csv", "-o", "y-tags.csv"], "given twice"),
    ],
)
def test_where_to_write_is_checked_before_the_work(
    more: list[str], said: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    with pytest.raises(TaggerError, match=said):
        runner.invoke(
            app, ["tag", str(SAMPLE), "-o", "x.jsonl", "-q", "--model", "bloom", *more], catch_exceptions=False
        )
    assert list(tmp_path.iterdir()) == []


def test_a_language_that_is_no_tag_is_no_crash(tmp_path: Path) -> None:
    file = tmp_path / "c.csv"
    file.write_text("id,outcomes,language\n1,Treat drinking water,sv/en\n2,Treat drinking water,../en\n")
    done = run("tag", str(file), "--model", "bloom", "-q")
    assert done.returncode == 0, done.stderr
    assert [json.loads(line)["language"] for line in done.stdout.splitlines()] == ["sv/en", "../en"]


@pytest.mark.parametrize("command", ["tag", "inspect"])
def test_a_language_option_that_is_no_tag_is_refused(command: str) -> None:
    with pytest.raises(TaggerError, match="language tag"):
        runner.invoke(app, [command, str(SAMPLE), "--language", "e/n"], catch_exceptions=False)


def test_the_catalogue_is_not_overwritten_by_a_companion_file(tmp_path: Path) -> None:
    file = tmp_path / "c-tags.csv"
    file.write_bytes(SAMPLE.read_bytes())
    with pytest.raises(TaggerError, match="is the catalogue itself"):
        runner.invoke(app, ["tag", str(file), "-o", str(tmp_path / "c.csv")], catch_exceptions=False)
    assert file.read_bytes() == SAMPLE.read_bytes()


def test_a_language_that_no_model_reads_is_refused() -> None:
    with pytest.raises(TaggerError, match="no model reads it"):
        runner.invoke(app, ["tag", str(SAMPLE), "--language", "sv"], catch_exceptions=False)


def test_explain_says_what_it_cannot_read() -> None:
    done = runner.invoke(app, ["explain", "redogöra för grundläggande begrepp inom vattenrening", "--model", "sdg"])
    assert "does not read as a language that the models read" in done.stdout


def test_what_is_no_text_is_one_clear_error() -> None:
    done = subprocess.run(
        [sys.executable, "-m", "tagger", "suggest", "--taxonomy", "bloom", "-"],
        input=b"caf\xe9 water\n",
        capture_output=True,
        check=False,
    )
    assert done.returncode == 2 and b"not UTF-8" in done.stderr and b"Traceback" not in done.stderr


@pytest.mark.skipif(sys.platform == "win32", reason="needs POSIX signals")
def test_a_stopped_run_leaves_nothing_half_written(tmp_path: Path) -> None:
    import signal
    import time

    many = tmp_path / "many.jsonl"
    many.write_text(
        "".join(json.dumps({"id": str(n), "outcomes": [f"Treat water of well {n}"]}) + "\n" for n in range(20_000))
    )
    out = tmp_path / "out"
    out.mkdir()
    command = [sys.executable, "-m", "tagger", "tag", str(many), "-o", str(out / "a.jsonl"), "-q", "--model", "bloom"]
    with subprocess.Popen(command) as process:
        for _ in range(300):
            time.sleep(0.05)
            if any(out.iterdir()):
                break
        assert any(out.iterdir())
        process.send_signal(signal.SIGTERM)
        assert process.wait(20) == 2
    assert list(out.iterdir()) == []
