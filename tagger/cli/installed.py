"""The command `models`: what is installed, and whether it is whole."""

from __future__ import annotations

import typer

from tagger.cli.options import fail_if, table
from tagger.cli.taxonomies import taxonomies_app

__all__ = ["models_app", "taxonomies_app"]

models_app = typer.Typer(
    help="List the installed models and verify their files; compare and promote models.", invoke_without_command=True
)


@models_app.callback()
def models(context: typer.Context) -> None:
    """List the installed models and verify the sha256 of their files; exit code 2 if one was altered."""
    if context.invoked_subcommand is not None:
        return
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
