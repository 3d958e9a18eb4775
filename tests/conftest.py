"""What several test modules share: where the data folder is, and the shipped tagger, loaded once."""

from __future__ import annotations

from pathlib import Path

import pytest

from tagger.tagging import Tagger

ROOT = Path(__file__).resolve().parent.parent


@pytest.fixture(scope="session")
def shipped_tagger() -> Tagger:
    return Tagger.load()


@pytest.fixture(scope="session")
def data() -> Path:
    folder = ROOT.parent / "shared" / "data"
    if not folder.is_dir():
        pytest.skip("needs the data folder ../shared/data, which is not here")
    return folder
