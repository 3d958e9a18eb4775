"""The command `taxonomies`: what is installed, what is in one, whether it is whole; import others; bring old records up to date."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from tagger.cli.options import EncoderName, Share, fail_if, say, table

if TYPE_CHECKING:
    from tagger.taxonomy import Taxonomy

taxonomies_app = typer.Typer(
    help="List the installed taxonomies and verify their files; import others, show one, bring old records up to date.",
    invoke_without_command=True,
)


@taxonomies_app.callback()
def taxonomies(context: typer.Context) -> None:
    """List the installed taxonomies and verify the sha256 of their files; exit code 2 if one was altered."""
    if context.invoked_subcommand is None:
        list_()


@taxonomies_app.command("list")
def list_() -> None:
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
    table(("taxonomy", "version", "concepts", "title", "files"), rows)
    fail_if(bad)


@taxonomies_app.command()
def verify(
    names: Annotated[
        list[str] | None, typer.Argument(metavar="[NAME|FOLDER]...", help="Default: all that are installed.")
    ] = None,
) -> None:
    """Say everything that is wrong with a taxonomy's files, a line each; exit code 2 if anything is."""
    from tagger.shipped import shipped
    from tagger.taxonomy import shipped_taxonomies, verify_taxonomy

    bad = []
    for name in names or shipped_taxonomies():
        folder = shipped("taxonomies") / name if name in shipped_taxonomies() else Path(name)
        problems = [f"`{name}`: {p}" for p in verify_taxonomy(folder)]
        print(f"{name}: {'ok' if not problems else f'{len(problems)} problems'}")
        bad += problems
    for problem in bad:
        say(f"error: {problem}")
    if bad:
        raise typer.Exit(2)


@taxonomies_app.command()
def show(
    name: Annotated[str, typer.Argument(metavar="NAME|FOLDER")],
    concept: Annotated[
        str | None, typer.Argument(metavar="[CONCEPT]", help="One concept, by id, code or label.")
    ] = None,
    top: Annotated[int, typer.Option("--top", min=1, help="How many concepts to list.")] = 20,
) -> None:
    """Show what a taxonomy is and says: its version, licence and first concepts, or one concept whole."""
    from tagger.errors import TaxonomyError
    from tagger.taxonomy import load_taxonomy

    taxonomy = load_taxonomy(name)
    if concept is not None:
        found = taxonomy.get(concept)
        if found is None:
            raise TaxonomyError(
                f"`{concept}`: no concept of `{taxonomy.id}` has this id, code or label, or several have",
                hint=f"`tagger suggest --taxonomy {name} -` finds concepts by meaning",
            )
        above = {c.id: c.label for c in (*taxonomy.groups, *taxonomy.concepts)}
        for key, value in (
            ("id", found.id),
            ("label", found.label),
            ("alternatives", "; ".join(found.alt_labels)),
            ("description", found.description),
            ("broader", "; ".join(f"{above.get(b, '?')} <{b}>" for b in found.broader)),
            ("type", found.type),
            ("reuse level", found.reuse_level),
            ("code", found.notation),
        ):
            print(f"{key:<13} {value or 'unknown'}")
        return
    for key, value in _facts(taxonomy):
        print(f"{key:<13} {value}")
    print()
    rows = [(c.notation or "", c.label, c.id) for c in taxonomy.concepts[:top]]
    table(("code", "label", "id"), rows)
    if len(taxonomy) > top:
        print(f"… and {len(taxonomy) - top:,} more")


def _facts(taxonomy: Taxonomy) -> list[tuple[str, str]]:
    reuse = {c.reuse_level or "unknown" for c in taxonomy.concepts}
    return [
        ("id", taxonomy.id),
        ("title", taxonomy.title),
        ("version", taxonomy.version),
        ("language", taxonomy.language),
        ("concepts", f"{len(taxonomy):,}, and {len(taxonomy.groups):,} groups above them"),
        ("reuse levels", "unknown" if reuse == {"unknown"} else ", ".join(sorted(reuse))),
        ("licence", taxonomy.licence),
        ("attribution", taxonomy.attribution or "none asked for"),
        ("source", taxonomy.source),
        ("folder", str(taxonomy.path)),
    ]


@taxonomies_app.command("import")
def import_(
    source: Annotated[Path, typer.Argument(metavar="SOURCE", help="File, folder or zip, as downloaded.")],
    output: Annotated[Path, typer.Option("--output", "-o", metavar="FOLDER", help="Taxonomy folder to write.")],
    kind: Annotated[
        str | None, typer.Option("--kind", help="esco, onet, skos, case or csv. Default: found out from the files.")
    ] = None,
    id_: Annotated[str | None, typer.Option("--id", help="Id, as it is to stand on tags.")] = None,
    title: Annotated[str | None, typer.Option("--title", help="Title.")] = None,
    version: Annotated[str | None, typer.Option("--version", help="Version, as it is to stand on tags.")] = None,
    language: Annotated[str | None, typer.Option("--language", help="Language of the labels, as in `fr`.")] = None,
    licence: Annotated[str | None, typer.Option("--licence", help="Licence of the source.")] = None,
    attribution: Annotated[str | None, typer.Option("--attribution", help="Sentence to show with the tags.")] = None,
    english: Annotated[
        str | None,
        typer.Option(
            "--english",
            metavar="NAME|FOLDER",
            help="For another language: a taxonomy with the same ids in English, to learn from. Default: esco, if it fits.",
        ),
    ] = None,
    encoder: EncoderName = None,
    vectors: Annotated[bool, typer.Option(help="Make the concepts' vectors now, not at the first use.")] = True,
) -> None:
    """Make a taxonomy folder from ESCO's CSV download, O*NET, SKOS, CASE or a plain table, and its vectors."""
    from tagger.importers import import_taxonomy

    taxonomy = import_taxonomy(
        source,
        output,
        kind=kind,
        language=language,
        say=say,
        id=id_,
        title=title,
        version=version,
        licence=licence,
        attribution=attribution,
    )
    if vectors:
        from tagger.encoder import load_encoder
        from tagger.taxonomy import load_taxonomy
        from tagger.zero_shot import model_for_taxonomy

        other = None if english is None else load_taxonomy(english)
        model = model_for_taxonomy(output, load_encoder(encoder), english=other, say=say, progress=Share("vectors"))
        say(f"note: {model.manifest['calibration']['note']}")
    say(
        f"wrote {output}: `{taxonomy.id}` {taxonomy.version}, {len(taxonomy):,} concepts; use it with --taxonomy {output}"
    )


@taxonomies_app.command()
def migrate(
    file: Annotated[Path, typer.Argument(help="Tagged records or corrections (.jsonl), or a table (.csv) with ids.")],
    output: Annotated[Path, typer.Option("--output", "-o", metavar="FILE", help="Where to write.")],
    taxonomy: Annotated[str, typer.Option("--taxonomy", metavar="NAME|FOLDER", help="The current version.")] = "esco",
    guesses: Annotated[
        bool, typer.Option("--guesses", help="Take successors too that are only the nearest by meaning.")
    ] = False,
) -> None:
    """Replace concepts that the current version no longer has by their successors, with a note of what was replaced."""
    from tagger.errors import TaxonomyError
    from tagger.migrate import migrate_file, retired_concepts
    from tagger.taxonomy import load_taxonomy

    current = load_taxonomy(taxonomy)
    if not retired_concepts(current):
        raise TaxonomyError(f"taxonomy `{current.id}`: lists no retired concepts", hint="they stand in `retired.csv`")
    done = migrate_file(file, output, current, guesses=guesses)
    told = ", ".join(f"{n:,} by {how}" for how, n in sorted(done.changed.items()))
    say(f"{sum(done.changed.values()):,} retired concepts replaced{f' ({told})' if told else ''}")
    for found in list(done.lost.values())[:20]:
        by_guess = f"; nearest is {found.successor}, taken with --guesses" if found.successor else ""
        say(f"left as it is: `{found.label}` <{found.id}> has no certain successor{by_guess}")
    say(f"wrote {output}")
