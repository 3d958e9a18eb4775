"""The gold set: labelled learning outcomes for evaluation. Nothing is trained on it; only its dev half may be tuned on.

`credentials.jsonl` is the set itself; the README says how it came about and what it cannot show.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

__all__ = ["FOLDER", "SALT", "credentials", "read", "split_of"]

FOLDER = Path(__file__).parent
SALT = "tagger-gold-v63|"
"""Put before a credential's id to split the set; how it was chosen is in the README."""


def split_of(credential_id: str) -> str:
    """Return the half that a credential belongs to, ``dev`` (about 40%) or ``test``, from its id alone.

    Examples
    --------
    >>> split_of("G001"), split_of("G002")
    ('test', 'test')
    """
    digest = hashlib.sha256((SALT + credential_id).encode()).hexdigest()
    return "dev" if int(digest, 16) % 100 < 40 else "test"


def read(name: str) -> list[dict[str, Any]]:
    """Return the records of one of the set's JSONL files, in file order."""
    with (FOLDER / name).open(encoding="utf-8") as lines:
        return [json.loads(line) for line in lines]


def credentials(split: str) -> Iterator[dict[str, Any]]:
    """Yield the credentials of one half, ``dev`` or ``test``.

    Raises
    ------
    ValueError
        If `split` is neither.
    """
    if split not in ("dev", "test"):
        raise ValueError(f"split must be `dev` or `test`. Got {split!r}")
    yield from (c for c in read("credentials.jsonl") if c["split"] == split)
