"""The commands `review export`, `review import` and `review serve`."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from tagger.cli.options import EncoderName

if TYPE_CHECKING:
    from tagger.review.concepts import Concepts
    from tagger.review.importing import Imported

app = typer.Typer(help="Send tags to reviewers, and read their decisions back.", no_args_is_help=True)

_N_LISTED = 20

Tagged = Annotated[Path, typer.Argument(help="What `tagger tag -o tagged.jsonl` wrote.")]
Taxonomies = Annotated[
    list[str] | None,
    typer.Option("--taxonomy", help="Taxonomy to review, by id; repeatable. Default: all in the file."),
]
OwnConcepts = Annotated[
    list[Path] | None,
    typer.Option("--concepts", help="Folder of a taxonomy of your own, to check concepts; repeatable."),
]
Neighbours = Annotated[
    bool, typer.Option("--neighbours/--no-neighbours", help="Look for outcomes whose neighbours are tagged otherwise.")
]


@app.command("export")
def export_(
    tagged: Tagged,
    output: Annotated[
        Path, typer.Option("--output", "-o", help="Where to write: .xlsx, .csv, or .json (Label Studio).")
    ],
    format_: Annotated[str | None, typer.Option("--format", help="xlsx, csv or label-studio.")] = None,
    taxonomy: Taxonomies = None,
    below: Annotated[float | None, typer.Option("--below", help="Only tags with a score below this.")] = None,
    above: Annotated[float | None, typer.Option("--above", help="Only tags with a score above this.")] = None,
    only_untagged: Annotated[bool, typer.Option("--only-untagged", help="Only outcomes without a tag.")] = False,
    limit: Annotated[
        int | None, typer.Option("--limit", min=1, help="Only so many rows, those that tell most.")
    ] = None,
    reviewer: Annotated[str | None, typer.Option("--reviewer", help="Fill in the reviewer's name.")] = None,
    neighbours: Neighbours = True,
    encoder: EncoderName = None,
    concepts: OwnConcepts = None,
) -> None:
    """Write a file for reviewers: one row per tag and per outcome without one, those that tell most first."""
    from tagger.review.export import export

    done = export(
        tagged, output, format=format_, taxonomies=taxonomy, below=below, above=above, only_untagged=only_untagged,
        limit=limit, neighbours=neighbours, encoder=encoder, reviewer=reviewer, concepts=_concepts(concepts),
    )  # fmt: skip
    found = done.gathered
    print(
        f"{found.n_tags:,} tags and {found.n_untagged:,} outcomes without one: {len(found.items):,} questions, of which "
        f"{done.n_rows:,} are in the file; they serve {done.n_served:,}",
        file=sys.stderr,
    )
    if found.n_decided:
        print(f"{found.n_decided:,} tags are left out: people have decided on them already", file=sys.stderr)
    print(f"wrote {output}", file=sys.stderr)
    if output.suffix.lower() == ".json":
        from tagger.review.label_studio import config_path

        print(f"wrote {config_path(output)}, the labelling configuration", file=sys.stderr)


@app.command("import")
def import_(
    files: Annotated[list[Path], typer.Argument(help="XLSX, CSV or Label Studio JSON, of one reviewer or several.")],
    output: Annotated[Path, typer.Option("--output", "-o", help="Where to write the corrections (JSONL).")],
    tagged: Annotated[
        Path | None,
        typer.Option("--tagged", help="The tagged file that was exported: mends rows whose cells were changed."),
    ] = None,
    taxonomy: Annotated[
        list[str] | None, typer.Option("--taxonomy", help="As given to `review export`, for --tagged; repeatable.")
    ] = None,
    reviewer: Annotated[
        str | None, typer.Option("--reviewer", help="Who decided, where the file does not say.")
    ] = None,
    concepts: OwnConcepts = None,
) -> None:
    """Read reviewers' decisions back, compare the reviewers, and write corrections; exit code 2 if rows were refused."""
    from tagger.corrections import write_corrections
    from tagger.errors import TaggerError
    from tagger.review.importing import import_files
    from tagger.review.items import gather, read_tagged

    for file in files:
        if output.exists() and file.exists() and output.samefile(file):
            raise TaggerError(f"`{output}` is one of the files to read", hint="give another file to -o")
    items = None if tagged is None else gather(read_tagged(tagged), taxonomy).items
    imported = import_files(files, items=items, concepts=_concepts(concepts), reviewer=reviewer)
    write_corrections(output, imported.corrections)
    _say(imported)
    print(f"wrote {output}: {len(imported.corrections):,} corrections", file=sys.stderr)
    if imported.n_refused:
        raise typer.Exit(2)


@app.command()
def serve(
    tagged: Tagged,
    db: Annotated[Path, typer.Option("--db", help="SQLite file that keeps the decisions; made if it is not there.")],
    taxonomy: Taxonomies = None,
    host: Annotated[
        str, typer.Option("--host", help="Address to listen on. Beyond this machine: at your own risk.")
    ] = "127.0.0.1",
    port: Annotated[int, typer.Option("--port", min=0, max=65535, help="0 takes a free one.")] = 8765,
    neighbours: Neighbours = True,
    encoder: EncoderName = None,
    concepts: OwnConcepts = None,
) -> None:
    """Open a review page on this machine, for one reviewer or several; decisions are kept in SQLite."""
    from tagger.errors import TaggerError

    try:
        from tagger.review.server import run
    except ModuleNotFoundError as error:
        raise TaggerError(
            f"`tagger review serve` needs the package `{error.name}`", hint="pip install 'outcome-tagger[review]'"
        ) from error
    from tagger.review.export import order
    from tagger.review.store import Store

    _, items = order(tagged, taxonomies=taxonomy, neighbours=neighbours, encoder=encoder)
    store = Store(db)
    n_new, n_gone = store.load(items)
    print(f"{len(items):,} questions, {n_new:,} of them new in {db}", file=sys.stderr)
    if n_gone:
        print(
            f"{n_gone:,} questions in {db} are not in {tagged}: kept with their decisions, not shown", file=sys.stderr
        )
    run(store, host=host, port=port, concepts=_concepts(concepts))


def _concepts(folders: list[Path] | None) -> Concepts:
    from tagger.review.concepts import Concepts

    return Concepts(folders or ())


def _say(imported: Imported) -> None:
    err = sys.stderr
    print(
        f"{imported.n_rows:,} rows: {imported.n_decided:,} decided, {imported.n_open:,} left open, "
        f"{imported.n_refused:,} refused; {imported.n_served:,} texts decided on",
        file=err,
    )
    for remark in imported.remarks:
        print(remark, file=err)
    for problem in imported.problems[:_N_LISTED]:
        print(f"  {problem.render()}{f' ({problem.hint})' if problem.hint else ''}", file=err)
    if len(imported.problems) > _N_LISTED:
        print(f"  … and {len(imported.problems) - _N_LISTED:,} more", file=err)
    if imported.agreement.n_units:
        print(f"agreement: {imported.agreement.render()}", file=err)
        if len(imported.by_taxonomy) > 1:
            for taxonomy, found in imported.by_taxonomy.items():
                print(f"  {taxonomy}: {found.render()}", file=err)
    if imported.conflicts:
        print(f"{len(imported.conflicts):,} conflicts; where no majority is found, the model stands:", file=err)
        for conflict in imported.conflicts[:_N_LISTED]:
            print(f"  {conflict.render()}", file=err)
        if len(imported.conflicts) > _N_LISTED:
            print(f"  … and {len(imported.conflicts) - _N_LISTED:,} more", file=err)
