"""The commands that make and judge models: `train`, `evaluate`, `models promote`, `models diff`."""

from __future__ import annotations

import json
import sys
import time
from collections.abc import Callable
from enum import StrEnum
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from tagger.cli.installed import models_app
from tagger.cli.options import EncoderName, Format, Map, MappingFile, Sheet, mapping_of, table

if TYPE_CHECKING:
    from tagger.model import Model
    from tagger.train.labels import Example

app = typer.Typer()


class What(StrEnum):
    """What can be trained."""

    sdg = "sdg"
    skills = "skills"
    bloom = "bloom"
    level = "level"


Data = Annotated[
    list[Path] | None,
    typer.Option(
        "--data",
        help="File of labelled texts (CSV, TSV, XLSX, JSONL, JSON, Parquet), repeatable: a column of texts, and a column of "
        "labels (ids, notations or names of concepts, several with `;`) or one column for each concept (1, 0, or empty).",
    ),
]
LabelMap = Annotated[
    list[str] | None,
    typer.Option(
        "--map",
        metavar="FIELD=COLUMN",
        help="Use COLUMN for FIELD: text, labels, group (texts of one course), source, language, framework.",
    ),
]
Partial = Annotated[
    bool,
    typer.Option("--partial", help="Labels name only what was looked at; without it, what is not named does not hold."),
]
Quiet = Annotated[bool, typer.Option("--quiet", "-q", help="Print nothing but errors.")]


@app.command()
def train(
    what: Annotated[What, typer.Argument(help="What the model tags.")],
    output: Annotated[Path, typer.Option("--output", "-o", help="Folder of the new model.")],
    data: Data = None,
    corrections: Annotated[
        Path | None, typer.Option("--corrections", help="Decisions from `tagger review import`.")
    ] = None,
    taxonomy: Annotated[
        str | None, typer.Option("--taxonomy", help="Taxonomy, by name or folder, in place of the usual one.")
    ] = None,
    start: Annotated[
        str | None, typer.Option("--from", help="Model to start from, by name or folder. Default: the shipped one.")
    ] = None,
    encoder: EncoderName = None,
    finetune: Annotated[
        bool, typer.Option("--finetune", help="Fine-tune the encoder first (extra [train]); it goes into the model.")
    ] = False,
    map_: LabelMap = None,
    partial: Partial = False,
    sheet: Sheet = None,
    id_: Annotated[str | None, typer.Option("--id", help="Id of the model. Default: the folder's name.")] = None,
    version: Annotated[str | None, typer.Option("--version", help="Default: 1.0.0, or the next one.")] = None,
    licence: Annotated[str, typer.Option("--licence", help="Licence of the data, for the card.")] = "not stated",
    seed: Annotated[int, typer.Option("--seed", help="The same data and seed give the same model.")] = 0,
    quiet: Quiet = False,
) -> None:
    """Train a model on your own labels and corrections, on top of what the shipped one knows.

    Without data, a taxonomy of your own is tagged from its labels and descriptions alone.
    """
    from tagger.train.trainer import Recipe
    from tagger.train.trainer import train as train_model

    recipe = Recipe(
        what.value,
        tuple(data or ()),
        corrections,
        taxonomy,
        start,
        encoder,
        finetune,
        mapping_of(map_, None),  # type: ignore[arg-type]
        partial,
        sheet,
        id_,
        version,
        licence,
        seed,
    )
    model = train_model(recipe, output, progress=_progress(quiet))
    if not quiet:
        measured = model.manifest["metrics"].get("cross_validation")
        if measured is not None:
            _say_measured(measured)
        print(f"wrote {output} ({model.name}); its README.md is the card", file=sys.stderr)
        print(f"tag with it: tagger tag --model {output} CATALOGUE", file=sys.stderr)


@app.command()
def evaluate(
    model: Annotated[str, typer.Argument(help="Model to measure, by name or folder.")],
    data: Data = None,
    against: Annotated[
        str | None, typer.Option("--against", help="Another model for the same cases: `shipped`, a name or a folder.")
    ] = None,
    encoder: EncoderName = None,
    against_encoder: Annotated[
        str | None, typer.Option("--against-encoder", help="Encoder of the other model, if it is another one.")
    ] = None,
    html: Annotated[Path | None, typer.Option("--html", help="Write the figures, with plots, to this file.")] = None,
    as_json: Annotated[bool, typer.Option("--json", help="Print JSON instead of text.")] = False,
    save: Annotated[
        bool, typer.Option("--save/--no-save", help="Write the figures into the model's manifest and card.")
    ] = True,
    map_: LabelMap = None,
    partial: Partial = False,
    sheet: Sheet = None,
) -> None:
    """Measure a model on labelled texts: F1 by class with intervals, calibration, coverage, confusion, slices."""
    from tagger.gate import assess, counterpart, evaluation_facts, is_shipped, record
    from tagger.model import Model

    path = _one(data, "evaluate")
    loaded = Model.load(model)
    examples = _read(path, loaded, map_, partial, sheet)
    other = None if against is None else counterpart(loaded, against)
    new, old = assess(model, examples, encoder=encoder, against=other, against_encoder=against_encoder)
    facts = evaluation_facts(new, old, None if other is None else Model.load(other).name, path)
    if html is not None:
        from tagger.report.measured import page

        html.write_text(page(loaded.name, facts), encoding="utf-8", newline="\n")
        print(f"wrote {html}", file=sys.stderr)
    if save and not is_shipped(model):
        record(Path(model), "evaluation", facts)
        print(f"wrote the figures into {model}/manifest.json and README.md", file=sys.stderr)
    if as_json:
        print(json.dumps(facts, ensure_ascii=False, indent=1))
    else:
        _print_measured(facts)


@models_app.command()
def promote(
    new: Annotated[Path, typer.Argument(help="Folder of the new model.")],
    gate: Annotated[Path, typer.Option("--gate", help="File of labelled texts that it was not trained on.")],
    over: Annotated[
        str, typer.Option("--over", help="Model whose place it takes: `shipped`, a name or a folder.")
    ] = "shipped",
    to: Annotated[
        Path | None, typer.Option("--to", help="Folder to put it. Default: that of --over; for a shipped one, nowhere.")
    ] = None,
    force: Annotated[bool, typer.Option("--force", help="Put it in place though it is worse; recorded.")] = False,
    encoder: EncoderName = None,
    over_encoder: Annotated[
        str | None, typer.Option("--over-encoder", help="Encoder of the other model, if it is another one.")
    ] = None,
    map_: LabelMap = None,
    partial: Partial = False,
    sheet: Sheet = None,
) -> None:
    """Put a new model in the place of another, unless it is worse beyond noise or has lost a class (exit code 2)."""
    from tagger.gate import assess, counterpart, is_shipped, judge, place
    from tagger.model import Model

    model = Model.load(new)
    other = counterpart(model, over)
    old_model = Model.load(other)
    examples = _read(gate, model, map_, partial, sheet)
    cases, old = assess(new, examples, encoder=encoder, against=other, against_encoder=over_encoder)
    assert old is not None
    verdict = judge(cases, old, model, old_model)
    _print_comparison(verdict.comparison, model.name, old_model.name)
    target = to if to is not None else (None if is_shipped(other) else Path(other))
    placed = place(new, verdict, gate, old_model, to=target, force=force)
    for reason in verdict.reasons:
        print(f"forced although: {reason}", file=sys.stderr)
    print(f"{model.name} {'passed' if verdict.passed else 'was forced'}; it is in {placed}", file=sys.stderr)


@models_app.command()
def diff(
    first: Annotated[str, typer.Argument(help="Model, by name or folder.")],
    second: Annotated[str, typer.Argument(help="Model of the same taxonomy, by name or folder.")],
    catalogue: Annotated[str, typer.Argument(help="CSV, TSV, XLSX, JSONL, JSON or Parquet file.")],
    as_json: Annotated[bool, typer.Option("--json", help="Print one JSON object a line instead of a table.")] = False,
    map_: Map = None,
    mapping: MappingFile = None,
    format_: Format = None,
    sheet: Sheet = None,
) -> None:
    """List the tags of a catalogue that would change if the second model took the first one's place."""
    from collections import Counter

    from tagger.catalogue import read_catalogue
    from tagger.gate import counterpart, differences
    from tagger.model import Model
    from tagger.tagging import Tagger

    taxonomy = Model.load(first).taxonomy.id
    counterpart(Model.load(first), second)
    credentials = read_catalogue(catalogue, mapping=mapping_of(map_, mapping), format=format_, sheet=sheet)
    changes = list(differences(Tagger.load([first]), Tagger.load([second]), taxonomy, credentials))
    if as_json:
        for change in changes:
            print(json.dumps(change.to_dict(), ensure_ascii=False))
    else:
        rows = [
            ("gained" if c.is_gained else "lost", c.outcome, c.tag.label, f"{c.tag.score:.2f}", _shortened(c.text))
            for c in changes
        ]
        table(("change", "outcome", "concept", "score", "text"), rows)
    counts = Counter((c.tag.label, c.is_gained) for c in changes)
    for label in sorted({label for label, _ in counts}):
        print(f"{label}: {counts[label, True]} gained, {counts[label, False]} lost", file=sys.stderr)
    n_gained = sum(c.is_gained for c in changes)
    print(f"{n_gained} tags gained, {len(changes) - n_gained} lost", file=sys.stderr)


def _shortened(text: str) -> str:
    return text if len(text) <= 70 else f"{text[:69]}…"


def _one(data: list[Path] | None, command: str) -> Path:
    from tagger.errors import TaggerError

    if not data or len(data) != 1:
        raise TaggerError(f"`tagger {command}` needs one --data FILE, got {len(data or ())}")
    return data[0]


def _read(path: Path, model: Model, map_: list[str] | None, partial: bool, sheet: str | None) -> list[Example]:
    from tagger.train.labels import read_examples

    mapping: Any = mapping_of(map_, None)
    return read_examples(path, model.taxonomy, mapping=mapping, is_partial=partial, sheet=sheet)


def _progress(quiet: bool) -> Callable[[str], None]:
    started = time.monotonic()

    def say(what: str) -> None:
        if not quiet:
            print(f"{time.monotonic() - started:6.1f} s  {what}", file=sys.stderr, flush=True)

    return say


def _interval(row: dict[str, Any]) -> str:
    return f"{row['interval'][0]:.2f} to {row['interval'][1]:.2f}"


def _say_measured(facts: dict[str, Any]) -> None:
    micro, macro = facts["micro"], facts["macro"]
    print(
        f"on texts that it did not see: micro-F1 {micro['f1']:.2f} ({_interval(micro)}), macro-F1 over {macro['classes']} classes "
        f"{macro['f1'] or 0:.2f} ({_interval(macro)}), {facts['n']:,} texts",
        file=sys.stderr,
    )


def _print_measured(facts: dict[str, Any]) -> None:
    def cell(value: float | None) -> str:
        return "-" if value is None else f"{value:.3f}"

    def line(name: str, row: dict[str, Any]) -> tuple[str, ...]:
        return (name, str(row["n"]), *(cell(row[k]) for k in ("precision", "recall", "f1")), _interval(row))

    rows = [line("all (micro)", facts["micro"]), line(f"mean of {facts['macro']['classes']} (macro)", facts["macro"])]
    rows += [line(*item) for item in sorted(facts["classes"].items(), key=lambda x: -x[1]["n"])]
    table(("class", "n", "precision", "recall", "F1", "95% interval"), rows)
    calibration = facts["calibration"]
    print(
        f"\n{facts['n']:,} texts; without a tag: {facts['abstained']:.3f}; calibration error {cell(calibration['ece'])}\n"
    )
    table(
        ("said", "n", "mean said", "came true"),
        [(f"{b['from']:.1f}", str(b["n"]), cell(b["said"]), cell(b["true"])) for b in calibration["bins"]],
    )
    print()
    table(
        ("threshold", "texts with a tag", "precision", "recall"),
        [
            (f"{r['threshold']:.1f}", cell(r["coverage"]), cell(r["precision"]), cell(r["recall"]))
            for r in facts["coverage"]
        ],
    )
    print()
    table(
        ("slice", "texts", "n", "F1", "95% interval"),
        [
            (f"{kind}: {value}", str(row["texts"]), str(row["n"]), cell(row["f1"]), _interval(row))
            for kind, parts in facts["slices"].items()
            for value, row in parts.items()
        ],
    )
    if facts["confusion"]:
        print()
        table(
            ("missed", "tagged instead", "n"),
            [(c["true"], c["tagged"] or "nothing", str(c["n"])) for c in facts["confusion"][:10]],
        )
    if "against" in facts:
        print()
        _print_comparison(facts["against"], "this one", facts["against"]["model"])


def _print_comparison(compared: dict[str, Any], new: str, old: str) -> None:
    def line(name: str, d: dict[str, Any]) -> tuple[str, ...]:
        low, high = d["interval"]
        return name, f"{d['new']:.3f}", f"{d['old']:.3f}", f"{d['difference']:+.3f}", f"{low:+.3f} to {high:+.3f}"

    rows = [line("macro-F1", compared["macro_f1"]), line("micro-F1", compared["micro_f1"])]
    rows += [line(label, d) for label, d in compared["classes"].items()]
    table(("F1", new, old, "difference", "95% interval"), rows)
