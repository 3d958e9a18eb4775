"""The commands that tag: `tag`, `inspect`, `explain`, `suggest`."""

from __future__ import annotations

import json
import sys
from collections.abc import Iterator
from itertools import islice
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from tagger.cli.options import (
    SEVERITIES,
    EncoderName,
    File,
    Format,
    Lines,
    Map,
    MappingFile,
    ModelNames,
    Progress,
    Share,
    Sheet,
    TaxonomyNames,
    language_tag,
    mapping_of,
    say,
    say_mapping,
)

if TYPE_CHECKING:
    from tagger.engine import Summary
    from tagger.overrides import Overrides
    from tagger.tagging import Tagger

app = typer.Typer()


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
    taxonomy: TaxonomyNames = None,
    model: ModelNames = None,
    encoder: EncoderName = None,
    language: Annotated[
        str | None,
        typer.Option("--language", help="Language of the outcomes, as in `en`. Default: what the taxonomies are in."),
    ] = None,
    corrections: Annotated[
        Path | None,
        typer.Option(
            "--corrections", help="Decisions of reviewers (`tagger review import`), which overrule the models."
        ),
    ] = None,
    norm: Annotated[
        Path | None,
        typer.Option("--norm", help="Folder of `tagger norms build`: hold sizes and breadth against these norms."),
    ] = None,
    fail_on: Annotated[
        str | None, typer.Option("--fail-on", help="Exit with 1 when a finding is this severe: info, amber or red.")
    ] = None,
    quiet: Annotated[bool, typer.Option("--quiet", "-q", help="Print nothing but errors.")] = False,
) -> None:
    """Tag and check every credential of a catalogue."""
    from tagger.catalogue import read_catalogue
    from tagger.engine import tag_catalogue
    from tagger.errors import TaggerError
    from tagger.language import primary_tag
    from tagger.report import ReportBuilder
    from tagger.tagging import Tagger

    if fail_on is not None and fail_on not in SEVERITIES:
        raise TaggerError(f"`--fail-on {fail_on}`: expected one of {', '.join(SEVERITIES)}")
    read = _languages(taxonomy)
    language = language_tag(language or read[0])
    if primary_tag(language) not in read and not model:
        raise TaggerError(
            f"`--language {language}`: no model reads it; expected {', '.join(read)}",
            hint="a taxonomy in that language can be imported: `tagger taxonomies import`, then `--taxonomy FOLDER`",
        )
    catalogue = read_catalogue(file, mapping=mapping_of(map_, mapping), format=format_, language=language, sheet=sheet)
    if not quiet:
        say_mapping(catalogue)
    tagger = Tagger.load(
        model,
        taxonomies=taxonomy,
        encoder=encoder,
        language=language,
        norms=norm,
        say=(lambda _: None) if quiet else say,
        progress=(lambda done, of: None) if quiet else Share("vectors"),
    )
    if primary_tag(language) not in tagger.languages:
        raise TaggerError(f"`--language {language}`: no model reads it; expected {', '.join(tagger.languages)}")
    overrides = None if corrections is None else _overrides(corrections, tagger, [*(output or []), report])
    builder = None if report is None else ReportBuilder("standard input" if file == "-" else Path(file).name)
    with Progress(quiet) as progress:
        summary = tag_catalogue(
            catalogue,
            tagger,
            output or ["-"],
            report=builder,
            report_path=report,
            progress=progress.update,
            overrides=overrides,
        )
    if not quiet:
        _say_summary(summary)
        if overrides is not None:
            print(overrides.render(), file=sys.stderr)
        for path in [*(output or []), *([report] if report else [])]:
            if str(path) != "-":
                print(f"wrote {path}", file=sys.stderr)
    if fail_on is not None and any(summary.findings[s] for s in SEVERITIES[SEVERITIES.index(fail_on) :]):
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
        file, mapping=mapping_of(map_, mapping), format=format_, language=language_tag(language), sheet=sheet
    )
    if as_json:
        print(json.dumps(asdict(summary), ensure_ascii=False, indent=1, default=str))
    else:
        print(summary.render())


@app.command()
def explain(
    text: Annotated[str, typer.Argument(help="One learning outcome, in quotes.")],
    title: Annotated[
        str | None, typer.Option("--title", help="Title of its credential, which resolves what a word means.")
    ] = None,
    taxonomy: TaxonomyNames = None,
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
    tagger = Tagger.load(model, taxonomies=taxonomy, encoder=encoder, say=say, progress=Share("vectors"))
    explained = tagger.explain(text, title=title)
    if as_json:
        print(json.dumps(explained, ensure_ascii=False, indent=1))
        return
    for line in _explained(explained):
        print(line)


@app.command()
def suggest(
    file: Annotated[str, typer.Argument(help="Text file with one outcome a line; `-` for standard input.")],
    taxonomy: Annotated[
        str, typer.Option("--taxonomy", metavar="NAME|FOLDER", help="Taxonomy, shipped (esco, digcomp, …) or imported.")
    ],
    top: Annotated[int, typer.Option("--top", min=1, help="How many concepts for each text.")] = 10,
    model: ModelNames = None,
    encoder: EncoderName = None,
) -> None:
    """Rank a taxonomy's concepts for each line of a text, without a threshold; one JSON object a line."""
    from tagger.errors import TaggerError
    from tagger.tagging import Tagger

    if model:
        tagger = Tagger.load(model, encoder=encoder)
    else:
        tagger = Tagger.load(taxonomies=[taxonomy], encoder=encoder, say=say, progress=Share("vectors"))
        if tagger.derivations:
            source = tagger.derivations[0].source
            raise TaggerError(
                f"`--taxonomy {taxonomy}`: its tags follow from those of `{source}`", hint=f"--taxonomy {source}"
            )
        taxonomy = tagger.models[-1].taxonomy.id
    try:
        concepts = tagger.model_for(taxonomy).taxonomy.concepts
    except KeyError:
        served = ", ".join(m.taxonomy.id for m in tagger.models)
        raise TaggerError(f"`--taxonomy {taxonomy}`: no model for it; those given serve {served}") from None
    with Lines(file) as lines:
        while block := list(islice(lines, 512)):
            for text, found in zip(block, tagger.suggest(block, taxonomy, top), strict=True):
                suggestions = [
                    {"concept": concepts[i].id, "label": concepts[i].label, "score": round(score, 4)}
                    for i, score in found
                ]
                print(json.dumps({"text": text, "suggestions": suggestions}, ensure_ascii=False))


def _languages(taxonomies: list[str] | None) -> list[str]:
    """Return the languages of the taxonomies that are asked for; the shipped models read English."""
    from tagger.taxonomy import load_taxonomy

    own = [load_taxonomy(name).language for name in taxonomies or () if name != "default"]
    shipped = ["en"] if not own or "default" in (taxonomies or ()) else []
    return list(dict.fromkeys([*shipped, *own]))


def _overrides(corrections: Path, tagger: Tagger, outputs: list[Any]) -> Overrides:
    from tagger.corrections import read_corrections
    from tagger.errors import TaggerError
    from tagger.overrides import Overrides

    lines = read_corrections(corrections)
    for path in outputs:
        if path is not None and Path(path).exists() and corrections.samefile(path):
            raise TaggerError(f"`{path}` holds the corrections; they would be lost", hint="give another file to -o")
    return Overrides(lines, tagger.models, tagger.derivations)


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
    found = ", ".join(f"{summary.findings[s]:,} {s}" for s in reversed(SEVERITIES) if summary.findings[s])
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
    if explained["language"] is None:
        yield "This does not read as a language that the models read: in a catalogue it gets no tags."
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
            if tag_["alone"] is not None:
                yield f"          {tag_['alone']:.2f} by its own words, {tag_['score']:.2f} under this title"
            if words:
                rest = tag_["without_evidence"]
                without = "" if rest is None else f"; without it {rest:.2f}"
                yield f"          because of “{words}”{without}"
        for other in taxonomy["runners_up"]:
            yield f"  · {other['score']:.2f}  {other['label']}  (threshold {other['threshold']:.2f})"
