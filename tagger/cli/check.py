"""The command `check`: wording and size of a catalogue or of one draft, without a model."""

from __future__ import annotations

import json
import sys
from collections import Counter
from collections.abc import Iterable, Iterator
from typing import TYPE_CHECKING, Annotated

import typer

from tagger.cli.options import SEVERITIES, File, Format, Map, MappingFile, Sheet, language_tag, mapping_of, say_mapping

if TYPE_CHECKING:
    from tagger.records import Credential, Finding, TaggedCredential

app = typer.Typer()


@app.command()
def check(
    file: File,
    map_: Map = None,
    mapping: MappingFile = None,
    format_: Format = None,
    sheet: Sheet = None,
    language: Annotated[str, typer.Option("--language", help="Language of the outcomes to read, as in `en`.")] = "en",
    framework: Annotated[
        str | None, typer.Option("--framework", help="Level framework of a draft, as in SCQF.")
    ] = None,
    level: Annotated[str | None, typer.Option("--level", help="Level that a draft is for, in its framework.")] = None,
    same_meaning: Annotated[
        bool, typer.Option("--same-meaning", help="Load the encoder, to find outcomes alike in other words too.")
    ] = False,
    rules: Annotated[
        list[str] | None, typer.Option("--rule", help="Say only this rule's findings, or a family's: wording, size.")
    ] = None,
    as_json: Annotated[bool, typer.Option("--json", help="Print one JSON record a line, as `tag` does.")] = False,
    fail_on: Annotated[
        str | None, typer.Option("--fail-on", help="Exit with 1 when a finding is this severe: info, amber or red.")
    ] = None,
    quiet: Annotated[bool, typer.Option("--quiet", "-q", help="Print findings only.")] = False,
) -> None:
    """Check the wording and the size of credentials, without loading a model.

    `-` is one draft on standard input: an outcome, or a list of them. With `--format jsonl` it is records.
    """
    from tagger.errors import TaggerError

    if fail_on is not None and fail_on not in SEVERITIES:
        raise TaggerError(f"`--fail-on {fail_on}`: expected one of {', '.join(SEVERITIES)}")
    _check_rules(rules)
    is_draft = file == "-" and format_ is None
    if not is_draft and (framework or level):
        raise TaggerError(
            "`--framework` and `--level` are for a draft on standard input", hint="a catalogue states its own levels"
        )
    credentials: Iterable[Credential]
    if is_draft:
        credentials = [_draft(language_tag(language), framework, level)]
    else:
        from tagger.catalogue import read_catalogue

        catalogue = read_catalogue(
            file, mapping=mapping_of(map_, mapping), format=format_, language=language_tag(language), sheet=sheet
        )
        if not quiet:
            say_mapping(catalogue)
        credentials = catalogue
    counts: Counter[str] = Counter()
    n = n_outcomes = 0
    for checked in _checked(credentials, same_meaning, rules):
        n += 1
        n_outcomes += len(checked.outcomes)
        counts.update(f.severity for f in checked.findings)
        if as_json:
            print(json.dumps(checked.to_dict(), ensure_ascii=False))
        else:
            for line in _lines(checked, "draft" if is_draft else file):
                print(line)
    if not quiet:
        found = ", ".join(f"{counts[s]:,} {s}" for s in reversed(SEVERITIES) if counts[s]) or "no findings"
        print(f"{n:,} credentials, {n_outcomes:,} outcomes checked: {found}", file=sys.stderr)
    if fail_on is not None and any(counts[s] for s in SEVERITIES[SEVERITIES.index(fail_on) :]):
        raise typer.Exit(1)


def _check_rules(rules: list[str] | None) -> None:
    from tagger.errors import TaggerError

    for rule in rules or ():
        if rule.partition("-")[0] not in ("wording", "size"):
            raise TaggerError(f"`--rule {rule}`: expected wording, size, or one of their rules", hint="wording-several")


def _draft(language: str, framework: str | None, level: str | None) -> Credential:
    """Read one draft from standard input."""
    from tagger.errors import TaggerError
    from tagger.records import Credential, LearningOutcome, Level, Source
    from tagger.text import split_outcomes

    text = sys.stdin.read()
    try:
        text.encode()
    except UnicodeEncodeError as error:
        raise TaggerError("`-`: not UTF-8", hint="save the draft as UTF-8") from error
    spans = split_outcomes(text, language)
    if not spans:
        raise TaggerError("`-`: the draft has no outcome", hint="write at least one learning outcome")
    outcomes = tuple(
        LearningOutcome(f"draft/{n}", s.text, Source("draft", s.start, s.end)) for n, s in enumerate(spans, 1)
    )
    return Credential("draft", outcomes=outcomes, language=language, level=Level(framework, level))


def _checked(
    credentials: Iterable[Credential], same_meaning: bool, rules: list[str] | None
) -> Iterator[TaggedCredential]:
    """Yield credentials with their findings on wording and size, untagged."""
    from dataclasses import replace

    from tagger import size, wording
    from tagger.records import TaggedCredential, TaggedOutcome

    encoder = None
    if same_meaning:
        from tagger.encoder import load_encoder

        encoder = load_encoder()
    for credential in credentials:
        credential = replace(credential, size=size.resolve_hours(credential))
        outcomes = credential.outcomes
        vectors = None if encoder is None or len(outcomes) < 2 else encoder.encode([o.text for o in outcomes])
        worded, not_worded = wording.check(credential, vectors)
        sized, not_sized = size.check(credential)
        kept = [f for f in (*worded, *sized) if _is_asked(f, rules)]
        yield TaggedCredential(
            credential, tuple(map(TaggedOutcome, outcomes)), (), tuple(kept), (*not_worded, *not_sized)
        )


def _is_asked(finding: Finding, rules: list[str] | None) -> bool:
    return not rules or any(finding.rule == rule or finding.rule.startswith(f"{rule}-") for rule in rules)


def _lines(checked: TaggedCredential, file: str) -> Iterator[str]:
    """Say a credential's findings, each with the outcomes that caused it and their words in brackets."""
    credential = checked.credential
    where = f"{file}:{credential.row}" if credential.row is not None else file
    texts = {o.id: o.text for o in credential.outcomes}
    for finding in checked.findings:
        name = "" if credential.id == file else f" {credential.id}:"
        yield f"{where}:{name} {finding.severity} {finding.rule}: {finding.message}"
        places: dict[str, list[tuple[int, int]]] = {}
        for e in finding.evidence:
            places.setdefault(e.outcome, []).append((e.start, e.end))
        for outcome, spans in places.items():
            yield f"    {outcome}: {_bracketed(texts[outcome], spans)}"
        if finding.advice:
            yield f"    -> {finding.advice}"


def _bracketed(text: str, spans: list[tuple[int, int]]) -> str:
    """Put brackets around the words that caused a finding.

    Examples
    --------
    >>> _bracketed("Know the parts of a cell", [(0, 4)])
    '[Know] the parts of a cell'
    """
    for start, end in sorted(spans, reverse=True):
        text = f"{text[:start]}[{text[start:end]}]{text[end:]}"
    return text
