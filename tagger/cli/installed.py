"""The commands `models` and `taxonomies`: what is installed, and whether it is whole."""

from __future__ import annotations

import typer

from tagger.cli.options import fail_if, table

models_app = typer.Typer(help="List the installed models and verify their files.", invoke_without_command=True)
taxonomies_app = typer.Typer(help="List the installed taxonomies and verify their files.", invoke_without_command=True)


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
    table(("model", "version", "kind", "taxonomy", "files"), rows)
    fail_if(bad)


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
    table(("taxonomy", "version", "concepts", "title", "files"), rows)
    fail_if(bad)
