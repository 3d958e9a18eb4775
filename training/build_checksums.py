"""Stamp each taxonomy's ``taxonomy.toml`` with the checksum of its ``concepts.csv``: run after editing a concept table.

python training/build_checksums.py [FOLDER ...]      # all shipped taxonomies when none is named
"""

from __future__ import annotations

import hashlib
import re
import sys
from pathlib import Path

__all__ = ["stamp"]


def stamp(folder: Path) -> bool:
    """Write the checksum of ``concepts.csv`` into the key `sha256`; True if that changed the file.

    Raises
    ------
    ValueError
        If ``taxonomy.toml`` has no line ``sha256 = "…"`` to write to.
    """
    digest = hashlib.sha256((folder / "concepts.csv").read_bytes().replace(b"\r\n", b"\n")).hexdigest()
    toml = folder / "taxonomy.toml"
    before = toml.read_text("utf-8")
    after, n_lines = re.subn(r'(?m)^sha256 = "[^"]*"$', f'sha256 = "{digest}"', before, count=1)
    if n_lines != 1:
        raise ValueError(f'`{toml}`: has no line `sha256 = "…"`')
    if after != before:
        toml.write_text(after, "utf-8", newline="\n")
    return after != before


def main(arguments: list[str]) -> None:
    """Stamp the folders named, or all."""
    root = Path(__file__).resolve().parent.parent / "taxonomies"
    for folder in [Path(a) for a in arguments] or sorted(p.parent for p in root.glob("*/taxonomy.toml")):
        print(f"{folder.name}: {'stamped' if stamp(folder) else 'unchanged'}")


if __name__ == "__main__":
    main(sys.argv[1:])
