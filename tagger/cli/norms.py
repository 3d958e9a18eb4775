"""The commands `norms`: make norms from a catalogue of one's own, and show what findings are held against."""

from __future__ import annotations

import json
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from tagger.cli.options import (
    EncoderName,
    File,
    Format,
    Map,
    MappingFile,
    Sheet,
    language_tag,
    mapping_of,
    say_mapping,
    table,
)

if TYPE_CHECKING:
    from tagger.norms import Norms

app = typer.Typer(
    help="Make norms from your own catalogue, and show what findings are held against.", no_args_is_help=True
)

_SHARES = (0.5, 0.95, 0.99)


@app.command()
def build(
    file: File,
    output: Annotated[Path, typer.Option("--output", "-o", help="Folder to write the norms to.")],
    title: Annotated[
        str | None, typer.Option("--title", help="What findings call this norm. Default: the file's name.")
    ] = None,
    map_: Map = None,
    mapping: MappingFile = None,
    format_: Format = None,
    sheet: Sheet = None,
    encoder: EncoderName = None,
    language: Annotated[str, typer.Option("--language", help="Language of the outcomes to read, as in `en`.")] = "en",
    quiet: Annotated[bool, typer.Option("--quiet", "-q", help="Print nothing but errors.")] = False,
) -> None:
    """Calibrate norms on a catalogue of 100 or more courses, without labels; use them with `tagger tag --norm FOLDER`."""
    from tagger.catalogue import read_catalogue
    from tagger.norms import build_norms, save_norms
    from tagger.tagging import Tagger

    catalogue = read_catalogue(
        file, mapping=mapping_of(map_, mapping), format=format_, language=language_tag(language), sheet=sheet
    )
    if not quiet:
        say_mapping(catalogue)
    tagger = Tagger.load(["sdg", "esco"], encoder=encoder)
    name = title or ("this catalogue" if file == "-" else Path(file).name)
    norms = build_norms(tagger.measure(catalogue), tagger.norms, title=name)
    save_norms(norms, output)
    if not quiet:
        own = norms.density[0]
        breadth = "not measured" if norms.breadth is None else f"{norms.breadth.n_courses:,} courses"
        print(f"density: {own.n_courses:,} courses; breadth: {breadth}", file=sys.stderr)
        print(f"wrote {output}; use it with: tagger tag {file} --norm {output}", file=sys.stderr)


@app.command()
def show(
    folder: Annotated[Path | None, typer.Argument(help="Folder with norms. Default: those that are shipped.")] = None,
    as_json: Annotated[bool, typer.Option("--json", help="Print JSON instead of text.")] = False,
) -> None:
    """Show how many outcomes are usual at each size, and how breadth changes with the number of outcomes."""
    from tagger.norms import Norms, load_norms

    norms = Norms.shipped() if folder is None else load_norms(folder)
    shown = _shown(norms)
    if as_json:
        print(json.dumps(shown, ensure_ascii=False, indent=1))
        return
    for norm in shown["density"]:
        place = f" ({norm['jurisdiction']})" if norm["jurisdiction"] else ""
        print(
            f"density: {norm['title']}{place}, {norm['n_courses']:,} courses, {norm['hours'][0]:.0f} to {norm['hours'][1]:.0f} hours"
        )
        rows = [tuple(f"{x:g}" for x in (r["hours"], r["median"], r["p95"], r["p99"])) for r in norm["rows"]]
        table(("hours", "usual", "95th percentile", "99th"), rows)
        print()
    breadth = shown["breadth"]
    if breadth is None:
        print("breadth: no norm")
        return
    print(f"breadth: {breadth['title']}, {breadth['n_courses']:,} courses")
    table(
        ("outcomes", "effective topics, usual", "95th percentile", "mean distance, usual", "95th percentile"),
        [
            tuple(
                f"{x:g}"
                for x in (
                    r["outcomes"],
                    *(round(r[m][q], 2) for m in ("effective_topics", "mean_distance") for q in ("median", "p95")),
                )
            )
            for r in breadth["rows"]
        ],
    )


def _shown(norms: Norms) -> dict[str, Any]:
    places: list[tuple[str | None, Any]] = [(None, norm) for norm in norms.density[:-1]]
    places += [(names[0], norm) for names, norm in norms.references]
    places += [(None, norms.density[-1])]
    density = []
    for place, norm in places:
        low, high = norm.hours
        sizes = [h for h in (25, 50, 75, 100, 150, 200, 300, 400, 600, 800, 1200) if low <= h <= high] or [low]
        density.append(
            {
                "title": norm.title,
                "jurisdiction": place,
                "n_courses": norm.n_courses,
                "hours": list(norm.hours),
                "rows": [
                    {
                        "hours": h,
                        **dict(zip(("median", "p95", "p99"), (norm.quantile(q, h) for q in _SHARES), strict=True)),
                    }
                    for h in sizes
                ],
            }
        )
    breadth = norms.breadth_norms()
    shown: dict[str, Any] = {"density": density, "breadth": None}
    if breadth is not None:
        counts = [
            n for n in (3, 4, 5, 6, 8, 10, 12, 15, 20) if n <= max(m.counts[1] for m in breadth.measures.values())
        ]
        shown["breadth"] = {
            "title": breadth.title,
            "n_courses": breadth.n_courses,
            "rows": [
                {
                    "outcomes": n,
                    **{
                        name: {
                            label: round(m.value_at(q, n), 4)
                            for label, q in zip(("median", "p95", "p99"), _SHARES, strict=True)
                        }
                        for name, m in breadth.measures.items()
                    },
                }
                for n in counts
            ],
        }
    return shown
