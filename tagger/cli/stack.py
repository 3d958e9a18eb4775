"""The command `stack`: sequences of credentials that reach an award, and near-duplicates, across a catalogue."""

from __future__ import annotations

import json
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from tagger.cli.options import (
    EncoderName,
    File,
    Format,
    Map,
    MappingFile,
    Progress,
    Sheet,
    language_tag,
    mapping_of,
    say_mapping,
)

if TYPE_CHECKING:
    from tagger.stacking import Duplicate, Member, Stack

app = typer.Typer()


@app.command()
def stack(
    file: File,
    output: Annotated[Path | None, typer.Option("--output", "-o", help="Write JSON to this file.")] = None,
    report: Annotated[Path | None, typer.Option("--report", help="Write an HTML page to this file.")] = None,
    top: Annotated[int, typer.Option("--top", min=1, help="How many sequences, and how many pairs, to print.")] = 10,
    map_: Map = None,
    mapping: MappingFile = None,
    format_: Format = None,
    sheet: Sheet = None,
    encoder: EncoderName = None,
    language: Annotated[str, typer.Option("--language", help="Language of the outcomes to read, as in `en`.")] = "en",
    quiet: Annotated[bool, typer.Option("--quiet", "-q", help="Print nothing but the result and errors.")] = False,
) -> None:
    """Propose sequences that build on one another towards an award, and find near-duplicates; with reasons."""
    from tagger.catalogue import read_catalogue
    from tagger.report.stacks import stacks_record, write_stacks
    from tagger.stacking import Stacker
    from tagger.tagging import Tagger

    catalogue = read_catalogue(
        file, mapping=mapping_of(map_, mapping), format=format_, language=language_tag(language), sheet=sheet
    )
    if not quiet:
        say_mapping(catalogue)
    tagger = Tagger.load(["sdg", "esco", "eqf"], encoder=encoder)
    stacker = Stacker()
    n = 0
    with Progress(quiet) as progress:
        for tagged in tagger.tag(catalogue):
            stacker.add(tagged, tagger.vectors(tagged))
            n += 1
            progress.update(n)
    stacks, twins = stacker.sequences(top), stacker.duplicates()
    for line in _lines(stacks, twins, top):
        print(line)
    if not quiet:
        print(f"{n:,} credentials, {stacker.n_left_out:,} of them without outcomes that were read", file=sys.stderr)
    record = stacks_record("standard input" if file == "-" else Path(file).name, n, stacker.n_left_out, stacks, twins)
    if output is not None:
        output.write_text(json.dumps(record, ensure_ascii=False, indent=1) + "\n", encoding="utf-8")
    if report is not None:
        write_stacks(record, report)
    if not quiet:
        for path in (output, report):
            if path is not None:
                print(f"wrote {path}", file=sys.stderr)


def _lines(stacks: list[Stack], twins: list[Duplicate], top: int) -> list[str]:
    lines = [
        f"Sequences: {len(stacks)}" if stacks else "Sequences: none that share a line and reach the size of an award"
    ]
    for k, found in enumerate(stacks, 1):
        lines += ["", f"{k}. {found.award}: {found.total:g} {found.unit}"]
        lines += [f"   {step}. {_named(member)}" for step, member in enumerate(found.members, 1)]
        lines += [f"   because: {reason}" for reason in found.reasons]
    lines += ["", f"Near-duplicates: {len(twins)}"]
    for twin in twins[:top]:
        lines += ["", f"{_named(twin.first)}", f"{_named(twin.second)}"]
        lines += [f"   because: {reason}" for reason in twin.reasons]
    if len(twins) > top:
        lines += ["", f"… and {len(twins) - top:,} more pairs; -o or --report lists all of them"]
    return lines


def _named(member: Member) -> str:
    size = (
        f"{member.credits:g} {member.system}"
        if member.credits and member.system
        else f"{member.hours:g} hours"
        if member.hours
        else "no size"
    )
    level = f"level {member.level}" if member.level else f"EQF {member.eqf}" if member.eqf else "no level"
    return f"{member.id}  {member.title or ''} ({size}, {level})".replace("  (", " (")
