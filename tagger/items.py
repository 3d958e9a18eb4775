"""The structure of a cell: its lines, bullets and numbers, also where a page or a scraper has run them together."""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import dataclass

from tagger.lexicon import Lexicon
from tagger.markup import Plain
from tagger.phrases import BULLETS, DASHES, WORD, first_words, is_debris, is_heading, leads

__all__ = ["Item", "items_of", "unquoted"]

_LABEL = (
    r"(?:i|c|p|m|u|s|k)?los?|learning\s+(?:outcome|objective|goal)s?|(?:course\s+|module\s+)?outcome|objective|goal"
    r"|competenc[ey]"
)
_NUMBER = r"\d{1,2}(?:\.\d{1,2}){0,2}|[a-z]|[ivx]{1,5}"
_MARKER = re.compile(
    rf"""(?P<bullet>[{BULLETS}·*]+\s*|(?:\.{{3,}}|…)\s*|[{DASHES}]{{1,2}}(?:\s+|(?=[^\W\d]))|[o¿§]\s+(?=[^\W\d_]))
    |(?P<label>[\[(]?(?:{_LABEL})\s*[-–#.:]?\s*
      (?:\d{{1,2}}(?:\.\d{{1,2}}){{0,2}}[a-z]?(?:[\])]\s*[:.\-–]?|\s*[:.)\-–—]+(?=\s|[^\W\d])|(?=\s*$)|\s+(?=[^\W_]))
      |(?:[a-z]|[ivx]{{1,4}})\s*[:.)\]]+(?=\s|$))\s*)
    |(?P<number>[\[(](?:{_NUMBER})[\])]\s*[:.\-–]?\s*
      |(?:{_NUMBER})(?:\)\.?|\.\)|\.-)\s*
      |\d{{1,2}}(?:\.\d{{1,2}}){{0,2}}(?:\.(?!\d)\s*|:\s+|\s+(?=(?-i:[A-Z]))|\s*[-–]\s+)
      |(?:[a-zA-Z]|[ivx]{{2,5}}|[IVX]{{2,5}})\.\s+
      |\[?(?-i:[A-Z]{{1,4}})[-\ ]?\d{{1,2}}(?:\.\d{{1,2}})?(?:\]\s*|\s*[:.)]\s+))""",
    re.VERBOSE | re.IGNORECASE,
)
_INLINE_BULLET = re.compile(
    rf"""(?=[{BULLETS}*·{DASHES}o¿.…])(?:(?:(?<=\s)|(?<=[.;:,)]))[{BULLETS}]\s*
    |[{BULLETS.replace("→", "")}]\s*(?=[A-Z])
    |(?<=\s\s)[*·{DASHES}o¿]\s+(?=\S)
    |(?<=\s\s)[*·{DASHES}](?=[^\W\d_])
    |(?<=\s\s)(?:\.{{3,}}|…)\s+(?=[^\W\d])
    |(?:(?<=[;.:,]\s)|(?<=[;.:]))[*·{DASHES}¿]\s+(?=[^\W\d])
    |(?<=[,)\w])¿\s+(?=[^\W\d]))""",
    re.VERBOSE,
)
_INLINE_NUMBER = re.compile(
    rf"""(?<![\w.,])(?:[\[(](?P<wrapped>\d{{1,2}}|[a-z]|[ivx]{{1,5}})[\])]\s*
      |(?P<closed>\d{{1,2}}|[a-z]|[ivx]{{1,5}})\)\s*
      |(?P<dotted>\d{{1,2}})\.(?!\d)(?=\s|(?-i:[A-Z]))\s*
      |[\[(]?(?:{_LABEL})\s*-?\s*(?P<labelled>\d{{1,2}})[\])]?\s*[:.)\-–]?\s*
      |(?-i:[A-Z]{{1,4}})[-\ ]?(?P<coded>\d{{1,2}})\s*[:)]\s*)
    |(?<=[\w.;)])(?<!\d)(?<!\d\.)(?P<glued>\d{{1,2}})(?:\.\s*(?=(?-i:[A-Z]))|(?<=[.;)]\d)[.)]\s+(?=[^\W\d]))""",
    re.VERBOSE | re.IGNORECASE,
)
_NESTED_NUMBER = re.compile(r"(?<![\w.,])(?P<part>\d{1,2})\.(?P<number>\d{1,2})(?:[.):]\s*|\s+)(?=[^\W\d_])")
_PIPE = re.compile(r"\|\s*")
_QUOTED = r"""(?:"(?:[^"\\]|\\.)*+"|'(?:[^'\\]|\\.)*+')"""
_QUOTED_LIST = re.compile(
    rf"(?:^|:)[^\w\[\n'\"]{{0,8}}(?P<list>\[\s*{_QUOTED}(?:\s*,\s*{_QUOTED})*+\s*,?\s*\])[ \t]*$",
    re.MULTILINE | re.DOTALL,
)
_QUOTED_ITEM = re.compile(_QUOTED, re.DOTALL)
_PAIR = r"\\u[dD][89abAB][0-9a-fA-F]{2}\\u[dD][c-fC-F][0-9a-fA-F]{2}"
_ESCAPE = re.compile(rf"{_PAIR}|\\(?:u(?![dD][89a-fA-F])[0-9a-fA-F]{{4}}|x[0-9a-fA-F]{{2}}|[nrtbf/\\'\"])")
_ESCAPED = {"n": "\n", "r": "\n", "t": "\t", "b": " ", "f": "\n"}
_KINDS = ("wrapped", "closed", "dotted", "labelled", "coded", "glued")
_FIRST_NUMBER = re.compile(r"(?<!\d)1(?:[.)\]:]|\s*[:.)\-–]|\s+\w)|\b[aAiI]\s?[)\]]")
_GLUED_DASH = re.compile(r"(?<=[^\s\-])-\s+(?=(?P<next>[^\W\d_]+))")
_DASH = re.compile(r"-\s+")
_GLUED = re.compile(r"(?<=[a-z]{4})(?=(?P<noun>[A-Z][a-z]+)\s+(?P<to>[a-z]+))")
_GAP = re.compile(r"[ \t\u00a0\u3000]{2,}")
_LINE = re.compile(r"[^\n\r\x0b\x0c\x1c-\x1e\x85\u2028\u2029]+")
_ROMAN = {n: i for i, n in enumerate("i ii iii iv v vi vii viii ix x xi xii".split(), 1)}  # noqa: SIM905


@dataclass(slots=True)
class Item:
    """A stretch ``text[start:end]`` of the plain text that one bullet, number or line break sets apart."""

    start: int
    end: int
    style: str  # kind of marker; "" for none
    indent: int
    after_blank: bool


def items_of(text: str, lex: Lexicon, drop: Callable[[int, int, str], None]) -> list[Item]:
    """Return the items of a plain text in order; markers are reported to `drop` and lie outside the items."""
    items: list[Item] = []
    last_end = 0
    for line in _LINE.finditer(text):
        blank = text.count("\n", last_end, line.start()) > 1
        start, end = line.span()
        while start < end and text[start].isspace():
            start += 1
        if start == end:
            continue
        blank = blank or not items
        last_end = line.end()
        indent = start - line.start()
        for n, (cut, style) in enumerate(_cuts(text, start, end, lex)):
            begin = cut
            if items and n and items[-1].end > cut:
                items[-1].end = cut
            if style:
                marker = _marker_end(text, begin, end, style)
                drop(begin, marker, "marker")
                begin = marker
                if style == "bullet" and (inner := _MARKER.match(text, begin, end)) and not inner.group("bullet"):
                    drop(begin, inner.end(), "marker")
                    begin = inner.end()
            items.append(Item(begin, end, style, indent, blank and n == 0))
    return _unwrap(items, text, lex)


def _marker_end(text: str, start: int, end: int, style: str) -> int:
    patterns = {"+bullet": _INLINE_BULLET, "+number": _INLINE_NUMBER, "+nested": _NESTED_NUMBER, "+dash": _DASH}
    pattern = {**patterns, "+pipe": _PIPE}.get(style, _MARKER)
    match = pattern.match(text, start, end)
    return match.end() if match else start


def _cuts(text: str, start: int, end: int, lex: Lexicon) -> list[tuple[int, str]]:
    """Return where the items of one line begin, and the style of the marker there ("" none, "+…" inside)."""
    cuts: dict[int, str] = {start: ""}
    head = _MARKER.match(text, start, end)
    if head is not None and head.end() <= end:
        cuts[start] = next(kind for kind in ("bullet", "label", "number") if head.group(kind) is not None)
        start = head.end()
    for match in _INLINE_BULLET.finditer(text, start, end):
        if match.end() < end:
            cuts[match.start()] = "+bullet"
    numbers = _sequence(text, min(cuts), end)
    if numbers and (numbers[0] == min(cuts) or not _within_sentence(text, numbers, end, lex)):
        for at in numbers:
            cuts.setdefault(at, "+number")
    for at in _nested(text, min(cuts), end, lex):
        cuts[at] = cuts.get(at) or "+nested"
    if "|" in text[start:end]:
        cuts.update(dict.fromkeys(_pipes(text, start, end, lex), "+pipe"))
    dashes = [
        m.start() for m in _GLUED_DASH.finditer(text, start, end) if m.group("next").lower() not in lex.conjunctions
    ]
    if len(dashes) > 1:
        cuts.update(dict.fromkeys(dashes, "+dash"))
    for match in _GLUED.finditer(text, start, end):  # "long termAbility to"; any other capital may belong to a name
        if match["to"] == lex.infinitive and match["noun"].lower() in lex.ability:
            cuts.setdefault(match.end(), "")
    for gap in _GAP.finditer(text, start, end):
        at = gap.end()
        if at < end and at not in cuts and _breaks(text, start, gap.start(), at, end, lex):
            cuts[at] = ""
    return sorted(cuts.items())


def _sequence(text: str, start: int, end: int) -> list[int]:
    """Return the starts of two or more run-together numbers 1, 2, 3 (or a, b, c; i, ii, iii) of one style."""
    if _FIRST_NUMBER.search(text, start, end) is None:
        return []
    chains: dict[tuple[str, str], list[int]] = {}
    last: dict[tuple[str, str], int] = {}
    for match in _INLINE_NUMBER.finditer(text, start, end):
        kind = next(k for k in _KINDS if match.group(k) is not None)
        value = match.group(kind).lower()
        readings = [("1", int(value))] if value.isdigit() else [("a", ord(value) - 96)] if len(value) == 1 else []
        if value in _ROMAN:
            readings.append(("i", _ROMAN[value]))
        for script, number in readings:
            key = (kind if kind != "glued" else "closed" if ")" in match.group() else "dotted", script)
            before = last.get(key, 0)
            if number == before + 1 or (
                number == before and text[match.start() - 2 : match.start()].strip() in (".", ";", "")
            ):
                chains.setdefault(key, []).append(match.start())
                last[key] = number
    best = max(chains.values(), key=len, default=[])
    return best if len(best) > 1 else []


def _nested(text: str, start: int, end: int, lex: Lexicon) -> list[int]:
    """Return the starts of two or more run-together numbers 1.1, 1.2, 2.1, each before an act or a capital."""
    found: list[int] = []
    last = (0, 0)
    for match in _NESTED_NUMBER.finditer(text, start, end):
        number = (int(match["part"]), int(match["number"]))
        if not (text[match.end()].isupper() or leads(text, match.end(), end, lex)):
            continue
        if number == (last[0], last[1] + 1) or number == (last[0] + 1, 1) or (not found and number[1] == 1):
            found.append(match.start())
            last = number
    acts = sum(leads(text, m.end(), end, lex) for at in found if (m := _NESTED_NUMBER.match(text, at, end)))
    return found if len(found) > 1 and (acts * 2 > len(found) or found[0] == start) else []


def _pipes(text: str, start: int, end: int, lex: Lexicon) -> list[int]:
    """Return the pipes of a line most of whose parts between pipes are acts: "Plan meals | Cook meals"."""
    stops = [match.span() for match in _PIPE.finditer(text, start, end)]
    parts = list(zip([start, *(after for _, after in stops)], [*(at for at, _ in stops), end], strict=True))
    filled = [part for part in parts if text[slice(*part)].strip()]
    acts = [leads(text, *part, lex) and len(first_words(text, *part)) > 1 for part in filled]
    return [at for at, _ in stops] if len(filled) > 1 and sum(acts) * 2 > len(filled) else []


def unquoted(plain: Plain) -> Plain:
    r"""Return a plain text with the lists of strings on its lines, as Python or JSON writes them, as bulleted lines.

    Examples
    --------
    >>> unquoted(Plain("['Plan meals', 'Cook meals']", None, None)).text.split("\n")
    ['', '• Plan meals', '• Cook meals']
    """
    text = plain.text
    if "[" not in text or ("'" not in text and '"' not in text):
        return plain
    parts: list[str] = []
    starts: list[int] = []
    ends: list[int] = []

    def put(piece: str, start: int, end: int) -> None:
        parts.append(piece)
        first, last = plain.raw(start, max(end, start + 1))
        starts.extend([first] * len(piece))
        ends.extend([last if end > start else first] * len(piece))

    def copy(start: int, end: int) -> None:
        parts.append(text[start:end])
        starts.extend(range(start, end) if plain.starts is None else plain.starts[start:end])
        ends.extend(range(start + 1, end + 1) if plain.ends is None else plain.ends[start:end])

    at = 0
    for listed in _QUOTED_LIST.finditer(text):
        copy(at, listed.start("list"))
        for item in _QUOTED_ITEM.finditer(text, *listed.span("list")):
            put("\n• ", item.start(), item.start())
            at = item.start() + 1
            for escape in _ESCAPE.finditer(text, at, item.end() - 1):
                copy(at, escape.start())
                put(_decoded(escape.group()), *escape.span())
                at = escape.end()
            copy(at, item.end() - 1)
        at = listed.end("list")
    if at == 0:
        return plain
    copy(at, len(text))
    return Plain("".join(parts), starts, ends)


def _decoded(escape: str) -> str:
    if len(escape) == 12:
        return chr(0x10000 + ((int(escape[2:6], 16) & 0x3FF) << 10) + (int(escape[8:], 16) & 0x3FF))
    return chr(int(escape[2:], 16)) if len(escape) > 2 else _ESCAPED.get(escape[1], escape[1])


def _within_sentence(text: str, numbers: list[int], end: int, lex: Lexicon) -> bool:
    """Tell whether run-together numbers count parts of one sentence: "with (i) cost and (ii) risk as criteria"."""
    if text[max(0, numbers[0] - 40) : numbers[0]].rstrip()[-1:] in ("", ".", ";", ":", "!", "?", ","):
        return False
    ends = [m.end() for at in numbers if (m := _INLINE_NUMBER.match(text, at, end))]
    return not any(leads(text, at, end, lex, strict=True) for at in ends)


def _breaks(text: str, start: int, before: int, after: int, end: int, lex: Lexicon) -> bool:
    """Tell whether a wide gap inside a line stands for a line break."""
    last = text[before - 1]
    if last == ":" or is_heading(_GAP.split(text[after : min(end, after + 80)], maxsplit=1)[0], lex):
        return True
    if last in ".;":
        return _GAP.split(text[after : min(end, after + 80)], maxsplit=1)[0].endswith(":")
    tail = text[max(start, before - 60) : before]
    if is_heading(tail.rsplit("  ", 1)[-1].strip(), lex):
        return True
    return text[after].isupper() and leads(text, after, end, lex)


def _unwrap(items: list[Item], text: str, lex: Lexicon) -> list[Item]:
    """Join lines that a narrow page has wrapped."""
    joined: list[Item] = []
    for item in items:
        if joined and not item.style and not item.after_blank and _continues(joined[-1], item, text, lex):
            joined[-1].end = item.end
        else:
            joined.append(item)
    return joined


def _may_be_noun(before: Item, item: Item, text: str, lex: Lexicon) -> bool:
    """Tell whether a line opens with a word that here is more likely a noun: "explain how banks use" / "research"."""
    first = WORD.match(text, item.start, item.end)
    return (
        first is not None
        and first.group() in lex.ambiguous
        and text[before.start].isupper()
        and before.end - before.start >= 40
        and not leads(text, item.start, item.end, lex, strict=True)
    )


def _continues(before: Item, item: Item, text: str, lex: Lexicon) -> bool:
    line = text[max(before.start, before.end - 200) : before.end].rstrip()
    first = WORD.match(text, item.start)
    if first is None or not line or line[-1] in ".;:!?":
        return False
    head, _, last = line.rpartition(" ")
    acts = leads(text, item.start, item.end, lex)
    if first.group()[0].islower():
        closed = last.lower() in lex.joints and head.rstrip().endswith((",", ";"))
        wrapped = not acts or (last.lower() in lex.dangling and not closed) or _may_be_noun(before, item, text, lex)
    else:
        wrapped = last.lower() in lex.dangling and not acts
    return (
        wrapped
        and not is_heading(line, lex)
        and not is_debris(line, lex)
        and not is_debris(text[item.start : item.end], lex)
    )
