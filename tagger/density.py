"""How many outcomes courses of a given size list: a norm fitted from a catalogue, and its folder.

The count of outcomes grows far more slowly than the notional hours (at 7.5 ECTS some 4% for 10% more hours), so
that a flat rule of outcomes per credit would punish the small ones. `DensityNorm` is the distribution of counts among
courses of the same hours, fitted from a catalogue by `fit_norm` and kept as a model folder of kind ``norm``.
"""

from __future__ import annotations

import functools
import hashlib
import json
import math
import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from tagger import __version__
from tagger.errors import ModelError
from tagger.shipped import shipped

__all__ = ["DensityNorm", "calibrate", "fit_norm", "load_norm", "save_norm"]

FORMAT = 1
REFERENCE_HOURS = 200.0
MIN_COURSES = 100
SHRINKAGE = 50.0
"""So many courses of a catalogue's own weigh as much as the norm that the fit is drawn towards."""
_MOST = 250  # larger counts are held to be this
_TAIL = 10  # courses that must lie at or beyond either end of a norm's range of hours
_PRIOR = ((-0.3, 0.6), (-1.7, 1.0))  # logit of growth and size exponent: they matter only for a catalogue of one size
_KNOTS = (0.0, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 0.75, 0.9, 0.95, 0.975, 0.99, 0.995, 0.999, 1.0)

Floats = NDArray[np.float64]


@dataclass(frozen=True, slots=True)
class DensityNorm:
    """How many outcomes courses of a given number of notional hours list.

    A zero-truncated negative binomial whose mean is linear in the hours, with a floor, and whose size parameter is a
    power of them; then a monotone map from the model's probabilities to observed ones. By construction more outcomes
    never have a lower percentile, and more hours never a higher one.

    Attributes
    ----------
    title : str
        What it was measured on, as findings name it.
    n_courses : int
    hours : tuple of float
        Lowest and highest notional hours that it speaks for.
    log_mean, growth : float
        Mean count (before truncation) is ``exp(log_mean) * (1 - growth + growth * h / 200)``: `growth`, 0 to 1, is the
        elasticity at 200 hours, the exponent of the power law that fits best there.
    log_size, size_exponent : float
        Size parameter is ``exp(log_size) * (h / 200) ** size_exponent``; smaller is more dispersed.
    calibration : tuple of pairs of float
        (probability by the model, observed share), rising; both begin at 0 and end at 1.
    acts_per_outcome : float or None
        What the counts it was fitted on have to be multiplied by to be counts of assessed acts (see `count_outcomes`);
        1 where acts were counted in the first place. None where it is not known: then acts are not counted apart.

    Examples
    --------
    >>> norm = DensityNorm("an example", 500, (50.0, 900.0), 1.7, 0.42, 3.1, -1.7)
    >>> norm.quantile(0.5, 200), norm.quantile(0.95, 200)
    (5, 10)
    >>> norm.percentile(5, 200) < norm.percentile(6, 200) > norm.percentile(6, 300)
    True
    """

    title: str
    n_courses: int
    hours: tuple[float, float]
    log_mean: float
    growth: float
    log_size: float
    size_exponent: float
    calibration: tuple[tuple[float, float], ...] = ((0.0, 0.0), (1.0, 1.0))
    acts_per_outcome: float | None = None

    def covers(self, hours: float) -> bool:
        """Return whether the norm was measured at about so many notional hours; outside, it would extrapolate."""
        return self.hours[0] <= hours <= self.hours[1]

    def of_acts(self) -> DensityNorm:
        """Return the norm for counts in which the acts of an outcome are counted apart; unchanged if that is
        unknown.
        """
        factor = self.acts_per_outcome
        return (
            self if factor is None else replace(self, log_mean=self.log_mean + math.log(factor), acts_per_outcome=1.0)
        )

    def percentile(self, n_outcomes: int, hours: float) -> float:
        """Return the percentage, 0 to 100, of courses of so many notional hours that list fewer outcomes.

        Raises
        ------
        ValueError
            If `hours` lies outside the norm's range.
        """
        return 100.0 * self._share_fewer(n_outcomes, self._position(hours))

    def quantile(self, q: float, hours: float) -> int:
        """Return the smallest count that at least a share `q` of courses of so many notional hours do not exceed.

        ``n > quantile(0.95, h)`` says the same as ``percentile(n, h) >= 95``.

        Raises
        ------
        ValueError
            If `hours` lies outside the norm's range or `q` is not between 0 and 1.
        """
        if not 0.0 < q < 1.0:
            raise ValueError(f"q must be between 0 and 1. Got {q}")
        position = self._position(hours)
        return next((n for n in range(1, _MOST) if self._share_fewer(n + 1, position) >= q), _MOST)

    def equivalent_hours(self, n_outcomes: int, q: float = 0.5) -> float:
        """Return the notional hours at which so many outcomes stand at the share `q`: the norm, inverted.

        Counts are whole, so the middle of a count's own probability is what stands at `q`.

        Returns
        -------
        float
            ``inf`` where courses of every size in the norm's range list fewer; the lowest hours of the range where even
            those list more.
        """
        column = min(max(int(n_outcomes), 1), _MOST - 1)
        table = _table(self)
        middle = (table[:, column] + table[:, column + 1]) / 2
        if middle[-1] > q:
            return math.inf
        # `middle` falls as hours rise; np.interp wants it rising.
        return float(np.exp(np.interp(q, middle[::-1], np.log(_grid(self))[::-1])))

    def _position(self, hours: float) -> float:
        if not self.covers(hours):
            raise ValueError(f"hours must be between {self.hours[0]:g} and {self.hours[1]:g}. Got {hours}")
        low, high = (math.log(h) for h in self.hours)
        return (math.log(hours) - low) / (high - low) * (_table(self).shape[0] - 1) if high > low else 0.0

    def _share_fewer(self, n_outcomes: int, position: float) -> float:
        column = _table(self)[:, min(max(int(n_outcomes), 0), _MOST)]
        left = min(int(position), len(column) - 1)
        right = min(left + 1, len(column) - 1)
        return float(column[left] + (position - left) * (column[right] - column[left]))


def _grid(norm: DensityNorm) -> Floats:
    return np.geomspace(*norm.hours, 129)


@functools.lru_cache(maxsize=16)
def _table(norm: DensityNorm) -> Floats:
    """Share of courses that list fewer, (hours on the grid, counts 0 to `_MOST`); falls with hours, rises with
    counts.
    """
    x = np.log(_grid(norm) / REFERENCE_HOURS)[:, None]
    parameters = (norm.log_mean, norm.growth, norm.log_size, norm.size_exponent)
    model = _at_most(parameters, x, np.arange(-1.0, _MOST)[None, :])
    knots = np.asarray(norm.calibration, dtype=float)
    return np.minimum.accumulate(np.interp(model, knots[:, 0], knots[:, 1]), axis=0)


def _mean_size(parameters: Sequence[float] | Floats, x: Floats) -> tuple[Floats, Floats]:
    log_mean, growth, log_size, size_exponent = parameters
    mean = np.exp(np.clip(log_mean, -3, 6)) * (1 - growth + growth * np.exp(x))
    return np.clip(mean, 1e-3, 1e4), np.exp(np.clip(log_size + size_exponent * x, -3, 8))


def _at_most(parameters: Sequence[float] | Floats, x: Floats, n: Floats) -> Floats:
    """P(N <= n | N >= 1) of the negative binomial at log relative hours `x`; 0 for n < 1."""
    from scipy.special import betainc

    mean, size = _mean_size(parameters, x)
    p = size / (size + mean)
    zero = p**size
    found: Floats = (betainc(size, np.maximum(n, 0) + 1, p) - zero) / (1 - zero)
    return np.where(n < 1, 0.0, np.clip(found, 0.0, 1.0))


def _log_probability(parameters: Sequence[float] | Floats, x: Floats, n: Floats) -> Floats:
    from scipy.special import gammaln

    mean, size = _mean_size(parameters, x)
    log_zero = size * np.log(size / (size + mean))
    found: Floats = gammaln(n + size) - gammaln(size) - gammaln(n + 1) + log_zero + n * np.log(mean / (mean + size))
    return found - np.log1p(-np.exp(log_zero))


def fit_norm(
    pairs: Iterable[tuple[int, float]],
    *,
    title: str = "this catalogue",
    censor_above: float = 0.75,
    prior: DensityNorm | None = None,
    shrinkage: float = SHRINKAGE,
    at_least: int = MIN_COURSES,
) -> DensityNorm:
    """Fit a norm to a catalogue's own courses, without labels, by censored maximum likelihood.

    A course above the share `censor_above` for its hours counts only as "at least so many": how far an overloaded one
    overshoots then does not matter, and the dispersion is read from the lower part. The calibration is left at
    identity; see `calibrate`.

    Parameters
    ----------
    pairs : iterable of (n_outcomes, notional hours)
        At least 100 usable courses. Those without outcomes or hours are left out, as are those of sizes so rare that
        the norm will not speak for them.
    title : str
    censor_above : float
        In (0, 1]; 1 censors nothing.
    prior : DensityNorm or None
        Norm to draw the fit towards: its own distribution counts as so many courses of the catalogue's sizes.
    shrinkage : float
        Weight of the prior, in courses.
    at_least : int
        Usable courses without which there is no norm; fewer than 100 only make sense with a prior.

    Raises
    ------
    ValueError
        If too few courses are usable, or `censor_above` is out of range.
    """
    from scipy.optimize import minimize

    if not 0.0 < censor_above <= 1.0:
        raise ValueError(f"censor_above must be above 0 and at most 1. Got {censor_above}")
    table = np.array([(n, h) for n, h in pairs if n >= 1 and 0 < h < math.inf], dtype=float).reshape(-1, 2)
    if len(table) < at_least:
        raise ValueError(f"a norm needs at least {at_least} courses with outcomes and hours. Got {len(table)}")
    hours = np.sort(table[:, 1])
    tail = min(_TAIL, max(len(hours) // 10, 1))
    low, high = float(hours[tail - 1]), float(hours[-tail])
    table = table[(table[:, 1] >= low) & (table[:, 1] <= high)]
    cells, weight = np.unique(table, axis=0, return_counts=True)
    n, x = np.minimum(cells[:, 0], _MOST), np.log(cells[:, 1] / REFERENCE_HOURS)
    sizes, inverse = np.unique(x, return_inverse=True)
    counts = np.arange(1.0, _MOST + 1)
    share = np.array([weight[inverse.reshape(-1) == i].sum() for i in range(len(sizes))]) / len(table)
    expected = np.zeros((len(sizes), _MOST))  # courses that the prior would have at each size, by their count
    if prior is not None:
        of_prior = np.array([prior.log_mean, prior.growth, prior.log_size, prior.size_exponent])
        expected = np.exp(_log_probability(of_prior, sizes[:, None], counts[None, :])) * share[:, None] * shrinkage

    def natural(parameters: Floats) -> Floats:
        log_mean, logit_growth, log_size, size_exponent = parameters
        return np.array([log_mean, 1 / (1 + math.exp(-min(max(logit_growth, -30), 30))), log_size, size_exponent])

    def loss(free: Floats, ceiling: Floats) -> float:
        parameters = natural(free)
        seen = n <= ceiling
        beyond = 1.0 - _at_most(parameters, x[~seen], ceiling[~seen])
        likelihood = weight[seen] @ _log_probability(parameters, x[seen], n[seen])
        likelihood += weight[~seen] @ np.log(np.maximum(beyond, 1e-12))
        if prior is not None:
            likelihood += float((expected * _log_probability(parameters, sizes[:, None], counts[None, :])).sum())
        penalty = sum(((free[i] - m) / s) ** 2 / 2 for i, (m, s) in zip((1, 3), _PRIOR, strict=True))
        return float(penalty - likelihood) / len(table)

    middle = max(float(np.median(table[:, 0])), 1.0)
    parameters: Floats = np.array([math.log(middle), _PRIOR[0][0], 2.5, _PRIOR[1][0]])
    for _ in range(1 if censor_above == 1.0 else 4):
        above = _at_most(natural(parameters), sizes[:, None], counts[None, :]) >= censor_above
        ceiling = np.where(above.any(axis=1), counts[above.argmax(axis=1)], _MOST)[inverse.reshape(-1)]
        if censor_above == 1.0:
            ceiling = np.full_like(ceiling, _MOST)
        options = {"maxiter": 2000, "xatol": 1e-4, "fatol": 1e-8}
        parameters = minimize(loss, parameters, args=(ceiling,), method="Nelder-Mead", options=options).x
    log_mean, growth, log_size, size_exponent = (float(round(p, 4)) for p in natural(parameters))
    return DensityNorm(title, len(table), (low, high), log_mean, growth, log_size, size_exponent)


def calibrate(norm: DensityNorm, pairs: Iterable[tuple[int, float]]) -> DensityNorm:
    """Return the norm with its probabilities mapped to the shares observed in `pairs` within its range of hours.

    The map is the mean of the non-randomised probability integral transform (Czado, Gneiting and Held 2009). It is the
    norm's shape, not its place, so one measured on a large clean reference also serves a norm fitted elsewhere.
    """
    table = np.array([(n, h) for n, h in pairs if n >= 1 and norm.covers(h)], dtype=float).reshape(-1, 2)
    if len(table) < MIN_COURSES:
        raise ValueError(f"calibration needs at least {MIN_COURSES} courses in the norm's range. Got {len(table)}")
    x = np.log(table[:, 1] / REFERENCE_HOURS)
    parameters = (norm.log_mean, norm.growth, norm.log_size, norm.size_exponent)
    low, high = (_at_most(parameters, x, table[:, 0] - back) for back in (1, 0))
    width = np.maximum(high - low, 1e-12)
    knots = [(u, round(float(np.mean(np.clip((u - low) / width, 0.0, 1.0))), 5)) for u in _KNOTS]
    return replace(norm, calibration=((0.0, 0.0), *knots[1:-1], (1.0, 1.0)))


def save_norm(
    norm: DensityNorm,
    folder: str | Path,
    manifest: dict[str, Any],
    references: Sequence[tuple[Sequence[str], DensityNorm]] = (),
) -> None:
    """Write ``norm.json``, ``references.json`` if there are any, and ``manifest.json`` with what is given there plus format, kind and checksums.

    Parameters
    ----------
    norm : DensityNorm
    folder : str or Path
        Made if it is not there. A ``README.md`` in it is left alone.
    manifest : dict
        `id`, `version`, `program`, `sources` and `metrics`.
    references : sequence of (names of a jurisdiction, its norm)
        Norms that go before this one where a credential names the jurisdiction.
    """
    folder = Path(folder)
    folder.mkdir(parents=True, exist_ok=True)
    contents: dict[str, Any] = {"norm.json": _fields(norm)}
    if references:
        contents["references.json"] = [{"places": list(places), "norm": _fields(own)} for places, own in references]
    files = {}
    for name, value in contents.items():
        content = (json.dumps(value, indent=1) + "\n").encode()
        (folder / name).write_bytes(content)
        files[name] = hashlib.sha256(content).hexdigest()
    whole = {"format": FORMAT, "kind": "norm", **manifest, "files": files}
    (folder / "manifest.json").write_bytes((json.dumps(whole, indent=1, ensure_ascii=False) + "\n").encode())


def _fields(norm: DensityNorm) -> dict[str, Any]:
    return {name: getattr(norm, name) for name in DensityNorm.__slots__}


def load_norm(path: str | Path | None = None) -> DensityNorm:
    """Load a norm from its model folder; None is the shipped one.

    Raises
    ------
    ModelError
        If the folder is missing, incomplete or altered, of another kind or format, or made for another version of the program.

    Examples
    --------
    >>> 0.3 < load_norm().growth < 0.6
    True
    """
    folder = shipped("models") / "density" if path is None else Path(path)
    stamp = tuple(f.stat().st_mtime_ns if (f := folder / n).is_file() else 0 for n in ("manifest.json", "norm.json"))
    return _load_norm(folder.resolve(), stamp)


@functools.lru_cache(maxsize=8)
def _load_norm(folder: Path, _stamp: tuple[int, ...]) -> DensityNorm:
    hint = "install outcome-tagger again, or make the norm anew"
    try:
        manifest = json.loads((folder / "manifest.json").read_bytes())
        content = (folder / "norm.json").read_bytes()
    except (OSError, ValueError) as error:
        raise ModelError(f"norm `{folder}`: cannot be read ({error})", hint=hint) from None
    _check_manifest(folder, manifest)
    got = hashlib.sha256(content.replace(b"\r\n", b"\n")).hexdigest()
    expected = manifest["files"].get("norm.json")
    if got != expected:
        raise ModelError(f"norm `{folder}`, norm.json: checksum is {got}, expected {expected}", hint=hint)
    try:
        fields = json.loads(content)
        pairs = tuple((float(u), float(p)) for u, p in fields.pop("calibration"))
        low, high = fields.pop("hours")
        norm = DensityNorm(**fields, hours=(float(low), float(high)), calibration=pairs)
        _table(norm)
    except (ValueError, TypeError, KeyError) as error:
        raise ModelError(f"norm `{folder}`, norm.json: is not a norm ({error})", hint=hint) from None
    return norm


def _check_manifest(folder: Path, manifest: object) -> None:
    where = f"norm `{folder}`, manifest.json"
    if not isinstance(manifest, dict):
        raise ModelError(f"{where}: is a {type(manifest).__name__}, expected an object", hint="make the norm anew")
    missing = [f"`{key}`" for key in ("format", "kind", "files") if key not in manifest]
    if missing:
        raise ModelError(f"{where}: lacks {', '.join(missing)}", hint="make the norm anew")
    if manifest["kind"] != "norm":
        what = f"kind is `{manifest['kind']}`, expected `norm`"
        raise ModelError(f"{where}: {what}", hint="give the folder of a density norm")
    if manifest["format"] != FORMAT:
        what = f"format is `{manifest['format']}`, this program reads `{FORMAT}`"
        raise ModelError(f"{where}: {what}", hint="update outcome-tagger, or make the norm anew")
    if not isinstance(manifest["files"], dict):
        raise ModelError(f"{where}: `files` is not an object of checksums", hint="make the norm anew")
    program = manifest.get("program")
    if program is not None and not _is_made_for(program, __version__):
        what = f"made for outcome-tagger `{program}`, this is {__version__}"
        raise ModelError(f"{where}: {what}", hint="update outcome-tagger, or make the norm anew")


_BOUND = re.compile(r"\s*(>=|<)\s*(\d+(?:\.\d+)*)\s*")


def _is_made_for(program: object, version: str) -> bool:
    """Return whether a version lies in a range such as ``>=0.1,<2``; a range of another form allows none."""
    bounds = [_BOUND.fullmatch(part) for part in program.split(",")] if isinstance(program, str) else [None]
    numbers = _numbers(version)
    return all(
        bound is not None and (numbers >= _numbers(bound[2]) if bound[1] == ">=" else numbers < _numbers(bound[2]))
        for bound in bounds
    )


def _numbers(version: str) -> tuple[int, ...]:
    """Return the release number, without zeros at its end, so that 1.0 is 1."""
    found = re.match(r"\d+(?:\.\d+)*", version)
    numbers = [int(part) for part in found[0].split(".")] if found else []
    while numbers and numbers[-1] == 0:
        numbers.pop()
    return tuple(numbers)
