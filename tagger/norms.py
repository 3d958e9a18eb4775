"""What a credential's outcomes are held against: the user's own catalogue, a jurisdiction's reference, or the general prior.

Norms do not travel between institutions, so a catalogue of 100 courses or more makes its own, without labels, drawn towards the
general one; each finding names the norm that it was held against. Saved norms are a folder: JSON and its checksums.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterable
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from tagger.breadth import BreadthModel, BreadthNorms, load_breadth
from tagger.density import MIN_COURSES, DensityNorm, fit_norm, load_norm
from tagger.errors import ModelError, TaggerError
from tagger.records import Credential
from tagger.shipped import shipped
from tagger.spread import adapt_count_norm

__all__ = ["Course", "Norms", "build_norms", "load_norms", "save_norms"]

FORMAT = 1
MIN_COUNT = 3


@dataclass(frozen=True, slots=True)
class Course:
    """What a norm is made of: one course of a catalogue, in numbers only.

    Attributes
    ----------
    n_outcomes : int
        Distinct outcomes as they are listed.
    n_acts : int
        With several acts in one counted apart.
    hours : float or None
        Notional hours, the upper end of a range.
    measures : dict of str to float
        See `tagger.breadth.MEASURES`; empty where the outcomes were not read.
    """

    n_outcomes: int
    n_acts: int
    hours: float | None
    measures: dict[str, float]


@dataclass(frozen=True, slots=True)
class Norms:
    """Everything that counts and breadths are held against.

    Attributes
    ----------
    density : tuple of DensityNorm
        The user's own first, if there is one, then the general one; the first that covers a size speaks for it.
    references : tuple of (tuple of str, DensityNorm)
        Names of a jurisdiction, case folded, and its norm: goes before the general one, after the user's own.
    model : BreadthModel or None
        None where its encoder is not the one in use: then breadth is not checked.
    breadth : BreadthNorms or None
        The user's own; None is the model's.
    """

    density: tuple[DensityNorm, ...]
    references: tuple[tuple[tuple[str, ...], DensityNorm], ...] = ()
    model: BreadthModel | None = None
    breadth: BreadthNorms | None = None

    @classmethod
    def shipped(cls) -> Norms:
        """Return the norms that come with the program.

        Raises
        ------
        ModelError
            If they are missing or altered.
        """
        return cls((load_norm(),), load_references(), load_breadth())

    def for_encoder(self, encoder_id: str | None, encoder_sha256: str | None = None) -> Norms:
        """Return the norms without those of breadth, where the model does not know this encoder's vectors."""
        if self.model is None or self.model.serves(encoder_id, encoder_sha256):
            return self
        return replace(self, model=None, breadth=None)

    def density_for(self, credential: Credential, hours: float) -> DensityNorm | None:
        """Return the norm that speaks for a size; None where none does."""
        return next((norm for norm in self.candidates(credential) if norm.covers(hours)), None)

    def candidates(self, credential: Credential) -> list[DensityNorm]:
        """Return the norms of density in the order in which they are asked."""
        place = credential.jurisdiction.strip().casefold() if isinstance(credential.jurisdiction, str) else ""
        local = [norm for names, norm in self.references if place and place in names]
        return [*self.density[:-1], *local, *self.density[-1:]]

    def breadth_norms(self) -> BreadthNorms | None:
        """Return the norms of breadth in use; None where breadth cannot be measured."""
        return None if self.model is None else self.breadth or self.model.norms


def load_references(folder: Path | None = None) -> tuple[tuple[tuple[str, ...], DensityNorm], ...]:
    """Return the references of jurisdictions that lie beside the general density norm; none is no fault."""
    folder = shipped("models") / "density" if folder is None else folder
    path = folder / "references.json"
    if not path.is_file():
        return ()
    load_norm(folder)  # checks the manifest
    manifest = json.loads((folder / "manifest.json").read_bytes())
    _check(folder, path.name, manifest["files"].get(path.name))
    found = []
    for entry in json.loads(path.read_bytes()):
        found.append((tuple(name.casefold() for name in entry["places"]), _density(entry["norm"])))
    return tuple(found)


def build_norms(courses: Iterable[Course], prior: Norms, *, title: str) -> Norms:
    """Calibrate norms on a catalogue of which no course is known to be sound or overloaded.

    Density: a censored fit, in which how far the largest lists overshoot does not matter, with the shape of the prior's tail.
    Breadth: place and scale from the middle of the catalogue (`tagger.spread.adapt_count_norm`). Both are drawn towards the prior.

    Parameters
    ----------
    courses : iterable of Course
    prior : Norms
    title : str
        As findings will name it.

    Returns
    -------
    Norms
        The catalogue's own, with the prior's general density norm kept for sizes that it does not speak for.

    Raises
    ------
    TaggerError
        If fewer than 100 courses list outcomes and hours.
    """
    known = list(courses)
    general = prior.density[-1]
    pairs = [(c.n_outcomes, c.hours) for c in known if c.n_outcomes and c.hours is not None]
    if len(pairs) < MIN_COURSES:
        raise TaggerError(
            f"{title}: {len(pairs)} courses list outcomes and their size, a norm needs at least {MIN_COURSES}",
            hint="without a norm of your own, findings are held against the general one, and say so",
        )
    density = fit_norm(pairs, title=title, prior=general)
    acts = [c.n_acts / c.n_outcomes for c in known if c.n_outcomes and c.measures]
    factor = round(sum(acts) / len(acts), 3) if len(acts) >= MIN_COURSES else None
    density = replace(density, calibration=general.calibration, acts_per_outcome=factor)
    breadth = None
    if prior.model is not None:
        measured = [c for c in known if c.n_outcomes >= MIN_COUNT and c.measures]
        if len(measured) >= MIN_COURSES:
            measures = {
                name: adapt_count_norm(norm, [(c.n_outcomes, c.measures[name]) for c in measured if name in c.measures])
                for name, norm in prior.model.norms.measures.items()
            }
            breadth = BreadthNorms(title, len(measured), measures)
    return Norms((density, general), prior.references, prior.model, breadth)


# --- the folder


def save_norms(norms: Norms, folder: str | Path) -> None:
    """Write a catalogue's own norms: ``density.json``, ``breadth.json`` where breadth was measured, and ``manifest.json``.

    Raises
    ------
    TaggerError
        If the folder cannot be written.
    """
    folder = Path(folder)
    own = norms.density[0]
    contents = {"density.json": _json({name: getattr(own, name) for name in DensityNorm.__slots__})}
    if norms.breadth is not None:
        contents["breadth.json"] = _json(norms.breadth.to_dict())
    model = norms.model
    manifest = {
        "format": FORMAT,
        "kind": "norms",
        "title": own.title,
        "n_courses": own.n_courses,
        "program": ">=0.1,<1",
        "breadth_model": None
        if model is None
        else {"id": model.id, "version": model.version, "encoder": model.encoder_id, "sha256": model.encoder_sha256},
        "files": {name: hashlib.sha256(content).hexdigest() for name, content in contents.items()},
    }
    try:
        folder.mkdir(parents=True, exist_ok=True)
        if "breadth.json" not in contents:
            (folder / "breadth.json").unlink(missing_ok=True)
        for name, content in {**contents, "manifest.json": _json(manifest)}.items():
            (folder / name).write_bytes(content)
    except OSError as error:
        raise TaggerError(
            f"`{folder}`: cannot write ({error.strerror or error})", hint="give another folder"
        ) from error


def load_norms(folder: str | Path, shipped_norms: Norms | None = None) -> Norms:
    """Load a catalogue's own norms, before those that come with the program.

    Raises
    ------
    ModelError
        If the folder is missing, altered, of another kind or format, or made with another model of breadth.
    """
    folder = Path(folder)
    base = shipped_norms or Norms.shipped()
    hint = "`tagger norms build CATALOGUE -o FOLDER` makes them"
    try:
        manifest = json.loads((folder / "manifest.json").read_bytes())
        kind, version, files = manifest["kind"], manifest["format"], manifest["files"]
        model = manifest.get("breadth_model")
    except (OSError, ValueError, TypeError, KeyError, AttributeError) as error:
        raise ModelError(f"norms `{folder}`: cannot be read ({error})", hint=hint) from None
    if kind != "norms" or version != FORMAT:
        found = f"`{kind}`, format `{version}`"
        raise ModelError(f"norms `{folder}`: kind is {found}, expected `norms`, format `{FORMAT}`", hint=hint)
    for name in ("density.json", *(["breadth.json"] if "breadth.json" in files else [])):
        _check(folder, name, files.get(name))
    own = _density(json.loads((folder / "density.json").read_bytes()))
    breadth = None
    if "breadth.json" in files and base.model is not None:
        here = {"id": base.model.id, "version": base.model.version}
        there = {key: model.get(key) for key in here} if isinstance(model, dict) else {}
        if here != there or model["encoder"] != base.model.encoder_id:
            made = "@".join(str(v) for v in there.values()) or "none"
            raise ModelError(
                f"norms `{folder}`: made with the model of breadth `{made}`, this is `{base.model.id}@{base.model.version}`",
                hint="build them anew: `tagger norms build CATALOGUE -o FOLDER`",
            )
        try:
            breadth = BreadthNorms.from_dict(json.loads((folder / "breadth.json").read_bytes()))
        except (ValueError, TypeError, KeyError) as error:
            raise ModelError(f"norms `{folder}`, breadth.json: is not a norm ({error})", hint=hint) from None
    return Norms((own, *base.density[-1:]), base.references, base.model, breadth)


def _json(value: Any) -> bytes:
    return (json.dumps(value, indent=1, ensure_ascii=False) + "\n").encode()


def _check(folder: Path, name: str, expected: str | None) -> None:
    try:
        got = hashlib.sha256((folder / name).read_bytes().replace(b"\r\n", b"\n")).hexdigest()
    except OSError as error:
        raise ModelError(f"norms `{folder}`, {name}: cannot be read ({error})", hint="build them anew") from None
    if got != expected:
        raise ModelError(f"norms `{folder}`, {name}: checksum is {got}, expected {expected}", hint="build them anew")


def _density(plain: dict[str, Any]) -> DensityNorm:
    try:
        fields = dict(plain)
        calibration = tuple((float(u), float(p)) for u, p in fields.pop("calibration"))
        low, high = fields.pop("hours")
        return DensityNorm(**fields, hours=(float(low), float(high)), calibration=calibration)
    except (TypeError, ValueError, KeyError) as error:
        raise ModelError(f"not a norm of density ({error})", hint="build it anew") from None
