"""Putting a model folder in place whole or not at all."""

from __future__ import annotations

import os
import shutil
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from tagger.errors import ModelError
from tagger.shipped import shipped

__all__ = ["check_target", "replaced"]


def check_target(target: Path) -> None:
    """Refuse, before any work is done, a folder that cannot be written or holds something else than a model.

    Raises
    ------
    ModelError
    """
    final = target.resolve()
    if final.parent == shipped("models").resolve():
        raise ModelError(f"`{target}` is a shipped model", hint="give -o another folder")
    if final.exists() and not final.is_dir():
        raise ModelError(f"`{target}` is a file, expected a folder for the model")
    if final.is_dir() and any(final.iterdir()) and not (final / "manifest.json").is_file():
        raise ModelError(f"`{target}` holds something else than a model", hint="give -o a new folder")
    if not final.parent.is_dir():
        raise ModelError(f"`{target}`: `{final.parent}` is no folder", hint="make it first")


@contextmanager
def replaced(target: Path) -> Iterator[Path]:
    """Give an empty folder beside `target`; it takes the place of `target` when the block ends well, and is removed if not.

    The old folder is renamed away and the new one put in its place in two renamings, with nothing between them; should the program
    be killed just there, the old folder lies beside as ``.NAME.old`` and is put back when the next one is made.
    """
    check_target(target)
    final = target.resolve()
    old = final.parent / f".{final.name}.old"
    if old.is_dir() and not final.exists():
        os.replace(old, final)
    work = Path(tempfile.mkdtemp(prefix=f".{final.name}.", suffix=".tmp", dir=final.parent))
    try:
        yield work
        mask = os.umask(0)
        os.umask(mask)
        work.chmod(0o777 & ~mask)
        if final.is_dir():
            shutil.rmtree(old, ignore_errors=True)
            os.replace(final, old)
            try:
                os.replace(work, final)
            except BaseException:
                os.replace(old, final)
                raise
            shutil.rmtree(old, ignore_errors=True)
        else:
            os.replace(work, final)
    finally:
        shutil.rmtree(work, ignore_errors=True)
