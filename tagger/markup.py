"""Mark-up out, offsets kept: a cell as plain text whose every character knows where it stood."""

from __future__ import annotations

import html
import re
from typing import NamedTuple

__all__ = ["Plain", "plain_text"]

_INVISIBLE = re.compile("[\u00ad\u200b-\u200f\u2060\ufeff\x00-\x08\x0e-\x1b\x7f]+")
_TAG = re.compile(
    r"</?([A-Za-z][A-Za-z0-9]*(?::[A-Za-z][\w-]*)?)((?:\s[^<>]*)?)/?>|<!--"
    r"|&(?:#\d{1,7}|#[xX][0-9a-fA-F]{1,6}|[A-Za-z][A-Za-z0-9]{1,30});?|" + _INVISIBLE.pattern
)
_ESCAPED_TAG = re.compile(r"&lt;/?(?:p|ul|ol|li|br|div|span|strong|em|b)\b", re.IGNORECASE)
_BLOCK = frozenset(
    """
    address article aside blockquote body br center dd details dialog div dl dt fieldset figcaption figure footer
    form h1 h2 h3 h4 h5 h6 head header hr html li main nav ol p pre section summary table tbody td tfoot th thead
    title tr ul
    """.split()  # noqa: SIM905
)
_INLINE = frozenset(
    """
    a abbr acronym b bdi bdo big cite code del dfn em font i img input ins kbd label mark q s samp small span strike
    strong sub sup time tt u var wbr link meta svg path button script style noscript iframe select option textarea
    """.split()  # noqa: SIM905
)
_SILENT = frozenset(("script", "style"))


class Plain(NamedTuple):
    """Text of a cell without mark-up.

    Attributes
    ----------
    text : str
        Block tags are line breaks, list items begin with a bullet (indented by depth), entities are decoded.
    starts, ends : list of int or None
        Raw offsets of each character of `text`; an inserted character has an empty range. None when `text` is the
        cell itself.
    """

    text: str
    starts: list[int] | None
    ends: list[int] | None

    def raw(self, start: int, end: int) -> tuple[int, int]:
        """Return the range of the cell that ``text[start:end]`` (not empty) came from."""
        if self.starts is None or self.ends is None:
            return start, end
        return self.starts[start], self.ends[end - 1]


def plain_text(cell: str) -> Plain:
    """Return `cell` without mark-up and invisible characters (soft hyphens and the like), in linear time.

    Examples
    --------
    >>> plain_text("<p>Waves &amp; optics</p>").text.strip()
    'Waves & optics'
    """
    if "<" not in cell and "&" not in cell and _INVISIBLE.search(cell) is None:
        return Plain(cell, None, None)
    plain = _strip(cell)
    if plain.starts is not None and plain.ends is not None and _ESCAPED_TAG.search(cell):
        twice = _strip(plain.text)
        if twice.starts is not None and twice.ends is not None:
            last = len(plain.starts)
            starts = [plain.starts[i] if i < last else len(cell) for i in twice.starts]
            ends = [
                plain.ends[j - 1] if j > i else starts[k]
                for k, (i, j) in enumerate(zip(twice.starts, twice.ends, strict=True))
            ]
            return Plain(twice.text, starts, ends)
    return plain


def _strip(cell: str) -> Plain:
    parts: list[str] = []
    starts: list[int] = []
    ends: list[int] = []

    def copy(start: int, end: int) -> None:
        parts.append(cell[start:end])
        starts.extend(range(start, end))
        ends.extend(range(start + 1, end + 1))

    def insert(text: str, start: int, end: int) -> None:
        parts.append(text)
        starts.extend([start] * len(text))
        ends.extend([end] * len(text))

    at, depth = 0, 0
    last_comment, lower = cell.rfind("-->"), cell.lower()
    while (match := _TAG.search(cell, at)) is not None:
        start, end = match.span()
        found = match.group()
        if found[0] == "&":
            decoded = html.unescape(found)
            copy(at, start)
            if decoded == found:
                copy(start, end)
            else:
                insert(decoded, start, end)
            at = end
            continue
        if found[0] != "<":
            copy(at, start)
            at = end
            continue
        if found == "<!--":
            close = cell.find("-->", end) if end <= last_comment else -1
            copy(at, start if close >= 0 else end)
            at = close + 3 if close >= 0 else end
            continue
        name, attributes = match.group(1).lower(), match.group(2)
        known = name in _BLOCK or name in _INLINE or ":" in name
        if not known or (len(name) == 1 and attributes.strip(" /") and "=" not in attributes):
            copy(at, end)
            at = end
            continue
        copy(at, start)
        at = end
        closing = found[1] == "/"
        if name in _SILENT and not closing:
            close = lower.find(f"</{name}", end)
            at = close if close >= 0 else end
        elif name in ("ul", "ol"):
            depth = max(0, depth + (-1 if closing else 1))
            insert("\n", end, end)
        elif name == "li" and not closing:
            insert("\n" + "\t" * min(8, max(0, depth - 1)) + "• ", end, end)
        elif name in ("td", "th"):
            insert("\n" if closing else "", end, end)
        elif name in _BLOCK:
            insert("\n", end, end)
    copy(at, len(cell))
    return Plain("".join(parts), starts, ends)
