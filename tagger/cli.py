"""The command `tagger`: parse, one library call, print. Data goes to standard output, all else to standard error."""

from __future__ import annotations

import io
import json
import signal
import sys
from collections.abc import Iterator, Sequence
from itertools import islice
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, NoReturn

import typer

from tagger import __version__

if TYPE_CHECKING:
    from tagger.catalogue import Catalogue
    from tagger.engine import Summary

__all__ = ["app", "main"]

app = typer.Typer(
    name="tagger",
    help="Tag the learning outcomes of micro-credentials with SDGs, skills, Bloom and framework levels, offline and with "
    "evidence, and flag credentials that try to cover too much for their size.",
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_enable=False,
    rich_markup_mode=None,  # so that [columns] in a help text stays what it is
)
models_app = typer.Typer(help="List the installed models and verify their files.", invoke_without_command=True)
taxonomies_app = typer.Typer(help="List the installed taxonomies and verify their files.", invoke_without_command=True)
app.add_typer(models_app, name="models")
app.add_typer(taxonomies_app, name="taxonomies")

_SEVERITIES = ("info", "amber", "red")
_MAP_HELP = "Use COLUMN for FIELD, as in `--map outcomes=aims`; several columns with commas. Overrules the guess."

File = Annotated[
    str, typer.Argument(help="CSV, TSV, XLSX, JSONL, JSON or Parquet file; `-` for JSONL on standard input.")
]
Map = Annotated[list[str] | None, typer.Option("--map", metavar="FIELD=COLUMN", help=_MAP_HELP)]
MappingFile = Annotated[
    Path | None, typer.Option("--mapping", metavar="TOML", help="File with a [columns] and a [defaults] table.")
]
Sheet = Annotated[str | None, typer.Option("--sheet", help="Sheet of a workbook. Default: the first with a header.")]
Format = Annotated[str | None, typer.Option("--format", help="Format of FILE when its ending does not tell.")]
ModelNames = Annotated[
    list[str] | None, typer.Option("--model", help="Model to run, by name or folder; repeatable. Default: all shipped.")
]
EncoderName = Annotated[
    str | None, typer.Option("--encoder", help="Encoder folder, or sentence-transformers:NAME_OR_PATH (extra [train]).")
]


def main() -> NoReturn:
    """Run the command; print errors in one form and set the exit code (0 done, 1 findings, 2 not done)."""
    from tagger.errors import TaggerError

    for stream in (sys.stdin, sys.stdout, sys.stderr):
        if isinstance(stream, io.TextIOWrapper):  # the locale's encoding, as on Windows, lacks characters that we print
            stream.reconfigure(encoding="utf-8", errors=stream.errors)
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(2))  # so that writers take their unfinished files away
    try:
        app(standalone_mode=True)
    except TaggerError as error:
        print(error.render(), file=sys.stderr)
        sys.exit(2)
    except OSError as error:
        where = f"`{error.filename}`: " if error.filename else ""
        print(f"error: {where}{error.strerror or error}", file=sys.stderr)
        sys.exit(2)
    except SystemExit as stop:  # Typer makes 130 of an interrupt, and 1, which means findings here, of a closed pipe
        if stop.code == 130:
            print("error: stopped before the end; no file was written", file=sys.stderr)
        sys.exit(2 if stop.code == 130 or isinstance(stop.__context__, OSError) else stop.code)
    sys.exit(0)


@app.callback(invoke_without_command=True)
def _root(
    version: Annotated[bool, typer.Option("--version", help="Print the version and stop.")] = False,
) -> None:
    if version:
        print(f"tagger {__version__}")
        raise typer.Exit


@app.command()
def tag(
    file: File,
    output: Annotated[
        list[str] | None,
        typer.Option(
            "--output", "-o", help="Where to write: .jsonl, .csv, .xlsx, .parquet …; repeatable. Default: `-`."
        ),
    ] = None,
    report: Annotated[Path | None, typer.Option("--report", help="Write an HTML report to this file.")] = None,
    map_: Map = None,
    mapping: MappingFile = None,
    format_: Format = None,
    sheet: Sheet = None,
    model: ModelNames = None,
    encoder: EncoderName = None,
    language: Annotated[str, typer.Option("--language", help="Language of the outcomes to read, as in `en`.")] = "en",
    fail_on: Annotated[
        str | None, typer.Option("--fail-on", help="Exit with 1 when a finding is this severe: info, amber or red.")
    ] = None,
    quiet: Annotated[bool, typer.Option("--quiet", "-q", help="Print nothing but errors.")] = False,
) -> None:
    """Tag and check every credential of a catalogue."""
    from tagger.catalogue import read_catalogue
    from tagger.engine import tag_catalogue
    from tagger.errors import TaggerError
    from tagger.report import ReportBuilder
    from tagger.tagging import Tagger

    if fail_on is not None and fail_on not in _SEVERITIES:
        raise TaggerError(f"`--fail-on {fail_on}`: expected one of {', '.join(_SEVERITIES)}")
    if _tag_of(language).split("-")[0] != "en":
        raise TaggerError(f"`--language {language}`: no model reads it; expected en", hint="`tagger inspect` reads any")
    catalogue = read_catalogue(
        file, mapping=_mapping(map_, mapping), format=format_, language=_tag_of(language), sheet=sheet
    )
    if not quiet:
        _say_mapping(catalogue)
    tagger = Tagger.load(model, encoder=encoder)
    builder = None if report is None else ReportBuilder("standard input" if file == "-" else Path(file).name)
    with _Progress(quiet) as progress:
        summary = tag_catalogue(
            catalogue, tagger, output or ["-"], report=builder, report_path=report, progress=progress.update
        )
    if not quiet:
        _say_summary(summary)
        for path in [*(output or []), *([report] if report else [])]:
            if str(path) != "-":
                print(f"wrote {path}", file=sys.stderr)
    if fail_on is not None and any(summary.findings[s] for s in _SEVERITIES[_SEVERITIES.index(fail_on) :]):
        raise typer.Exit(1)


@app.command()
def inspect(
    file: File,
    map_: Map = None,
    mapping: MappingFile = None,
    format_: Format = None,
    sheet: Sheet = None,
    language: Annotated[str, typer.Option("--language", help="Language of the outcomes to read.")] = "en",
    as_json: Annotated[bool, typer.Option("--json", help="Print JSON instead of text.")] = False,
) -> None:
    """Show what is understood of a catalogue: columns, rows, outcomes, sizes, levels, unreadable cells."""
    from dataclasses import asdict

    from tagger.catalogue.inspect import inspect as inspect_catalogue

    summary = inspect_catalogue(
        file, mapping=_mapping(map_, mapping), format=format_, language=_tag_of(language), sheet=sheet
    )
    if as_json:
        print(json.dumps(asdict(summary), ensure_ascii=False, indent=1, default=str))
    else:
        print(summary.render())


@app.command()
def explain(
    text: Annotated[str, typer.Argument(help="One learning outcome, in quotes.")],
    model: ModelNames = None,
    encoder: EncoderName = None,
    as_json: Annotated[bool, typer.Option("--json", help="Print JSON instead of text.")] = False,
) -> None:
    """Show the tags of one outcome: why, how sure, what came next, and how far from the threshold."""
    from tagger.errors import TaggerError
    from tagger.tagging import Tagger

    if not text.strip():
        raise TaggerError("the text is empty; expected one learning outcome")
    try:
        text.encode()
    except UnicodeEncodeError as error:
        raise TaggerError("the text is not UTF-8", hint="set the terminal to UTF-8") from error
    explained = Tagger.load(model, encoder=encoder).explain(text)
    if as_json:
        print(json.dumps(explained, ensure_ascii=False, indent=1))
        return
    for line in _explained(explained):
        print(line)


@app.command()
def suggest(
    file: Annotated[str, typer.Argument(help="Text file with one outcome a line; `-` for standard input.")],
    taxonomy: Annotated[
        str, typer.Option("--taxonomy", help="Taxonomy id, such as sdg, sdg-targets, esco, bloom, eqf.")
    ],
    top: Annotated[int, typer.Option("--top", min=1, help="How many concepts for each text.")] = 10,
    model: ModelNames = None,
    encoder: EncoderName = None,
) -> None:
    """Rank a taxonomy's concepts for each line of a text, without a threshold; one JSON object a line."""
    from tagger.errors import TaggerError
    from tagger.model import shipped_models
    from tagger.tagging import Tagger

    names = list(model) if model else [m for m in shipped_models() if m == taxonomy]
    tagger = Tagger.load(names, encoder=encoder) if names else None
    try:
        concepts = tagger.model_for(taxonomy).taxonomy.concepts if tagger else None
    except KeyError:
        concepts = None
    if tagger is None or concepts is None:
        raise TaggerError(
            f"`--taxonomy {taxonomy}`: no model for it; expected one of {', '.join(shipped_models())}",
            hint="`tagger models` lists what is installed",
        )
    with _lines(file) as lines:
        while block := list(islice(lines, 512)):
            for text, found in zip(block, tagger.suggest(block, taxonomy, top), strict=True):
                suggestions = [
                    {"concept": concepts[i].id, "label": concepts[i].label, "score": round(score, 4)}
                    for i, score in found
                ]
                print(json.dumps({"text": text, "suggestions": suggestions}, ensure_ascii=False))


@models_app.callback()
def models() -> None:
    """List the installed models and verify the sha256 of their files; exit code 2 if one was altered."""
    from tagger.model import read_manifest, verify_model
    from tagger.shipped import shipped

    rows, bad = [], []
    for folder in sorted(p.parent for p in shipped("models").glob("*/manifest.json")):
        manifest = read_manifest(folder)
        problems = verify_model(folder)
        bad += problems
        taxonomy = manifest.get("taxonomy")
        rows.append(
            (
                manifest["id"],
                str(manifest["version"]),
                manifest["kind"],
                f"{taxonomy['id']} {taxonomy['version']}" if taxonomy else "-",
                "altered" if problems else "ok",
            )
        )
    _table(("model", "version", "kind", "taxonomy", "files"), rows)
    _fail_if(bad)


@taxonomies_app.callback()
def taxonomies() -> None:
    """List the installed taxonomies and verify the sha256 of their files; exit code 2 if one was altered."""
    from tagger.shipped import shipped
    from tagger.taxonomy import load_taxonomy, shipped_taxonomies, verify_taxonomy

    rows, bad = [], []
    for name in shipped_taxonomies():
        problems = verify_taxonomy(shipped("taxonomies") / name)
        bad += problems
        if problems:
            rows.append((name, "?", "?", "?", "altered"))
            continue
        taxonomy = load_taxonomy(name)
        rows.append((name, taxonomy.version, str(len(taxonomy.concepts)), taxonomy.title, "ok"))
    _table(("taxonomy", "version", "concepts", "title", "files"), rows)
    _fail_if(bad)


def _tag_of(language: str) -> str:
    from tagger.errors import TaggerError
    from tagger.language import is_tag

    if not is_tag(language):
        raise TaggerError(f"`--language {language}`: expected a language tag, as in `en`")
    return language


def _mapping(map_: list[str] | None, mapping: Path | None) -> dict[str, Any] | Path | None:
    from tagger.errors import TaggerError

    if map_ and mapping:
        raise TaggerError("`--map` and `--mapping` are both given; expected one of them")
    if not map_:
        return mapping
    columns: dict[str, Any] = {}
    for item in map_:
        field, equals, names = item.partition("=")
        if not equals or not field.strip() or not names.strip():
            raise TaggerError(f"`--map {item}`: expected FIELD=COLUMN", hint="as in --map outcomes='Learning aims'")
        columns.setdefault(field.strip(), []).append(names.strip())
    return columns


class _lines:
    """Lines of a text file or of standard input, without their ends; blank lines are left out."""

    def __init__(self, file: str) -> None:
        self._file = file

    def __enter__(self) -> Iterator[str]:
        from tagger.errors import TaggerError

        try:
            self._open = sys.stdin if self._file == "-" else Path(self._file).open(encoding="utf-8-sig")
        except OSError as error:
            raise TaggerError(f"`{self._file}`: {error.strerror}", hint="give a text file, or `-`") from error
        return self._read()

    def _read(self) -> Iterator[str]:
        from tagger.errors import TaggerError

        try:
            for line in self._open:
                if text := line.strip():
                    text.encode()  # standard input lets bytes through that are no text
                    yield text
        except UnicodeError as error:
            raise TaggerError(f"`{self._file}`: not UTF-8", hint="save it as UTF-8") from error

    def __exit__(self, *_: object) -> None:
        if self._file != "-":
            self._open.close()


class _Progress:
    """A counter on standard error, when that is a terminal."""

    def __init__(self, quiet: bool) -> None:
        self._shown = not quiet and sys.stderr.isatty()

    def __enter__(self) -> _Progress:
        return self

    def __exit__(self, *_: object) -> None:
        if self._shown:
            print("\r\033[K", end="", file=sys.stderr)

    def update(self, n: int) -> None:
        if self._shown and n % 10 == 0:
            print(f"\r{n:,} credentials tagged", end="", file=sys.stderr, flush=True)


def _say_mapping(catalogue: Catalogue) -> None:
    print(f"{catalogue.path} ({catalogue.format}): columns understood as", file=sys.stderr)
    for field, columns in catalogue.mapping.columns.items():
        reason = catalogue.mapping.reasons.get(field)
        print(f"  {field:<13} {', '.join(columns)}{f'  ({reason})' if reason else ''}", file=sys.stderr)


def _say_summary(summary: Summary) -> None:
    def n(count: int, one: str, many: str) -> str:
        return f"{count:,} {one if count == 1 else many}"

    err = sys.stderr
    print(
        f"{n(summary.n_rows, 'row', 'rows')}: {n(summary.n_credentials, 'credential', 'credentials')} "
        f"({summary.n_without_outcomes:,} without outcomes), {n(summary.n_empty_rows, 'empty row', 'empty rows')}",
        file=err,
    )
    tagged = summary.n_outcomes - summary.n_untagged - summary.n_unread
    unread = f", {summary.n_unread:,} not read (another language)" if summary.n_unread else ""
    print(
        f"{n(summary.n_outcomes, 'outcome', 'outcomes')}: {tagged:,} with an SDG or a skill, {summary.n_untagged:,} with "
        f"neither{unread}",
        file=err,
    )
    found = ", ".join(f"{summary.findings[s]:,} {s}" for s in reversed(_SEVERITIES) if summary.findings[s])
    print(f"findings: {found or 'none'}", file=err)
    if summary.n_problems:
        print(f"{n(summary.n_problems, 'cell or row', 'cells or rows')} could not be read as they stand:", file=err)
        listed = 0
        for problem, count in summary.problems.values():
            listed += count
            print(f"  {problem.render()}{f' (and {count - 1:,} more like it)' if count > 1 else ''}", file=err)
        if listed < summary.n_problems:
            print(f"  … and {summary.n_problems - listed:,} of other kinds", file=err)
        print("each stands in the output under `problems`, and in the report", file=err)


def _explained(explained: dict[str, Any]) -> Iterator[str]:
    yield explained["text"]
    if not explained["reads_as_english"]:
        yield "This does not read as English, and the models read no other language: in a catalogue it gets no tags."
    for taxonomy in explained["taxonomies"]:
        yield ""
        yield f"{taxonomy['taxonomy']}  (model {taxonomy['model']})"
        if taxonomy["taxonomy"] == "eqf":
            yield "  a level is estimated for a credential from all of its outcomes; this one alone reads like"
        elif not taxonomy["tags"]:
            parent = taxonomy["parent"]
            yield f"  no tag: nothing reached its threshold{f' below a tag in {parent}' if parent else ''}"
        for tag_ in taxonomy["tags"]:
            words = "; ".join(e["text"] for e in tag_["evidence"])
            yield f"  ✓ {tag_['score']:.2f}  {tag_['label']}  (threshold {tag_['threshold']:.2f})"
            yield f"          {tag_['concept']}"
            if words:
                yield f"          because of “{words}”"
        for other in taxonomy["runners_up"]:
            yield f"  · {other['score']:.2f}  {other['label']}  (threshold {other['threshold']:.2f})"


def _table(head: tuple[str, ...], rows: Sequence[tuple[str, ...]]) -> None:
    widths = [max(len(row[i]) for row in [head, *rows]) for i in range(len(head))]
    for row in [head, *rows]:
        print("  ".join(cell.ljust(width) for cell, width in zip(row, widths, strict=True)).rstrip())


def _fail_if(problems: list[str]) -> None:
    for problem in problems:
        print(f"error: {problem}", file=sys.stderr)
    if problems:
        print("hint: install outcome-tagger again", file=sys.stderr)
        raise typer.Exit(2)


if __name__ == "__main__":
    main()
