"""Across a catalogue: sequences of credentials that build on one another towards an award, and near-duplicates.

Everything is proposed with its reasons, nothing is decided. Vectors and texts wait on disk, so that memory holds a few hundred bytes a
credential; comparing is done in blocks.
"""

from __future__ import annotations

import json
import tempfile
import weakref
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from tagger.levels import framework_named, framework_of, read_levels, to_eqf
from tagger.records import TaggedCredential
from tagger.size import resolve_hours

__all__ = ["Duplicate", "Member", "Stack", "Stacker"]

Floats = NDArray[np.float32]

SAME_COSINE = 0.88
"""Two outcomes of different credentials with this cosine say the same."""
DUPLICATE_SHARE = 0.75
"""Near-duplicates: at least this share of the outcomes of each says the same as one of the other."""
REPETITION = 0.34
"""Most of a credential's outcomes that may repeat an earlier one of its sequence."""
COHERENCE = (0.35, 0.55)
"""Range of the least mean cosine between members; in it, what four of five pairs of the catalogue do not reach."""
MAX_MEMBERS = 8
_NEIGHBOURS = 24
_BLOCK = 1024


@dataclass(frozen=True, slots=True)
class Member:
    """One credential of a sequence or pair.

    Attributes
    ----------
    id : str
    title, provider : str or None
    credits : float or None
    system : str or None
    hours : float or None
    framework, level : str or None
        As stated, where the framework is known and it is one level.
    eqf : int or None
    """

    id: str
    title: str | None
    provider: str | None
    credits: float | None
    system: str | None
    hours: float | None
    framework: str | None
    level: str | None
    eqf: int | None


@dataclass(frozen=True, slots=True)
class Stack:
    """A proposed sequence.

    Attributes
    ----------
    members : tuple of Member
        In the order in which they would be taken.
    total : float
    unit : str
        Of the total, such as "SCQF credits" or "hours".
    award : str or None
        The award whose size the total reaches; None where none is known.
    award_size : float or None
        In `unit`.
    goals, skills : tuple of str
        Labels that at least two of them share.
    coherence : float
        Mean cosine between members.
    repetition : float
        Largest share of a member's outcomes that repeat an earlier one.
    reasons : tuple of str
    """

    members: tuple[Member, ...]
    total: float
    unit: str
    award: str | None
    award_size: float | None
    goals: tuple[str, ...]
    skills: tuple[str, ...]
    coherence: float
    repetition: float
    reasons: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Duplicate:
    """Two credentials of which nearly everything says the same.

    Attributes
    ----------
    first, second : Member
    n_same : int
        Outcomes of the first that say the same as one of the second.
    n_first, n_second : int
    share : float
        The smaller of the two shares of outcomes with a counterpart.
    pairs : tuple of (str, str)
        Up to three pairs of outcomes, the most alike first.
    reasons : tuple of str
    """

    first: Member
    second: Member
    n_same: int
    n_first: int
    n_second: int
    share: float
    pairs: tuple[tuple[str, str], ...]
    reasons: tuple[str, ...]


@dataclass(slots=True)
class _Facts:
    """What stays in memory of a credential."""

    place: int
    first: int
    n: int
    size: float | None
    unit: str | None
    framework: str | None
    level: str | None
    eqf: int | None
    goals: frozenset[int] = frozenset()
    skills: frozenset[int] = frozenset()


@dataclass(slots=True)
class _Labels:
    numbers: dict[str, int] = field(default_factory=dict)
    labels: list[str] = field(default_factory=list)

    def number(self, concept: str, label: str) -> int:
        if concept not in self.numbers:
            self.numbers[concept] = len(self.labels)
            self.labels.append(label)
        return self.numbers[concept]


class Stacker:
    """Collects a tagged catalogue and proposes sequences and near-duplicates.

    Parameters
    ----------
    folder : Path or None
        Where vectors and texts wait; None for a temporary folder that goes with the object.

    Examples
    --------
    >>> Stacker().sequences()
    []
    """

    def __init__(self, folder: Path | None = None) -> None:
        if folder is None:
            temporary = tempfile.TemporaryDirectory(prefix="tagger-stack-")
            weakref.finalize(self, temporary.cleanup)
            folder = Path(temporary.name)
        self._folder = folder
        self._facts: list[_Facts] = []
        self._goals, self._skills = _Labels(), _Labels()
        self._n_vectors = self._end = 0
        self._dim: int | None = None
        self._opened: NDArray[np.float16] | None = None
        self.n_left_out = 0
        """Credentials without outcomes that were read: they are compared with nothing."""

    def add(self, tagged: TaggedCredential, vectors: NDArray[Any] | None) -> None:
        """Take in a credential with the vectors (n_outcomes, dim) of its outcomes; None where they were not read."""
        if vectors is None or not len(vectors) or len(vectors) != len(tagged.outcomes):
            self.n_left_out += 1
            return
        self._dim, self._opened = vectors.shape[1], None
        with (self._folder / "vectors.f16").open("ab") as file:
            file.write(np.ascontiguousarray(vectors, dtype=np.float16).tobytes())
        middle = np.asarray(vectors, dtype=np.float32).mean(axis=0)
        length = float(np.linalg.norm(middle))
        with (self._folder / "middles.f16").open("ab") as file:
            file.write((middle / (length or 1.0)).astype(np.float16).tobytes())
        member = _member(tagged)
        line = json.dumps([_plain(member), [o.outcome.text for o in tagged.outcomes]]).encode() + b"\n"
        with (self._folder / "texts.jsonl").open("ab") as texts:
            texts.write(line)
        size, unit = (
            (member.credits, f"{member.system} credits")
            if member.credits and member.system
            else (member.hours, "hours")
        )
        self._facts.append(
            _Facts(
                self._end,
                self._n_vectors,
                len(vectors),
                size,
                unit if size else None,
                member.framework,
                member.level,
                member.eqf,
                frozenset(
                    self._goals.number(t.concept, t.label)
                    for t in tagged.tags
                    if t.taxonomy == "sdg" and t.relation != "mentions"
                ),
                frozenset(
                    self._skills.number(t.concept, t.label) for t in tagged.tags if t.type in ("skill", "knowledge")
                ),
            )
        )
        self._end += len(line)
        self._n_vectors += len(vectors)

    # --- near-duplicates

    def duplicates(self) -> list[Duplicate]:
        """Return near-duplicate credentials, the surest first."""
        found = []
        for i, j in self._near_pairs(SAME_COSINE - 0.08):
            a, b = self._vectors(i), self._vectors(j)
            near = a @ b.T
            has_a, has_b = near.max(axis=1) >= SAME_COSINE, near.max(axis=0) >= SAME_COSINE
            share = min(float(has_a.mean()), float(has_b.mean()))
            if share < DUPLICATE_SHARE:
                continue
            (first, texts_a), (second, texts_b) = self._record(i), self._record(j)
            best = sorted(np.flatnonzero(has_a).tolist(), key=lambda r: -float(near[r].max()))[:3]
            pairs = tuple((texts_a[r], texts_b[int(near[r].argmax())]) for r in best)
            reasons = [
                f"{int(has_a.sum())} of {len(a)} outcomes say the same as one of the other, {int(has_b.sum())} of {len(b)} the other way"
            ]
            if first.credits != second.credits and first.credits and second.credits:
                reasons.append(f"sizes differ: {first.credits:g} and {second.credits:g} credits")
            if first.level != second.level:
                reasons.append(f"levels differ: {first.level or 'none'} and {second.level or 'none'}")
            if first.provider != second.provider:
                reasons.append(
                    f"offered by {first.provider or 'an unnamed provider'} and {second.provider or 'an unnamed provider'}"
                )
            found.append(Duplicate(first, second, int(has_a.sum()), len(a), len(b), share, pairs, tuple(reasons)))
        return sorted(found, key=lambda d: (-d.share, -d.n_same, d.first.id, d.second.id))

    def _near_pairs(self, least: float) -> Iterator[tuple[int, int]]:
        middles = self._middles()
        for start in range(0, len(self._facts), _BLOCK):
            rows = middles[start : start + _BLOCK].astype(np.float32)
            for other in range(start, len(self._facts), _BLOCK):
                cosine = rows @ middles[other : other + _BLOCK].astype(np.float32).T
                for i, j in np.argwhere(cosine >= least).tolist():
                    if start + i < other + j:
                        yield start + i, other + j

    # --- sequences

    def sequences(self, top: int = 20) -> list[Stack]:
        """Return sequences that share goals or skills, rise in level, repeat little and reach an award, the best first.

        A credential is in one sequence at most. Credentials without a size or a level are in none.
        """
        usable = [i for i, f in enumerate(self._facts) if f.size and f.eqf is not None]
        if len(usable) < 2:
            return []
        neighbours, least = self._neighbours()
        found: list[tuple[float, list[int], str, float]] = []
        for i in usable:
            chain = self._grow(i, neighbours, least)
            if chain is None:
                continue
            award, size = self._award(chain) or ("", 0.0)
            if len(chain) > 1 and award:
                found.append((self._coherence(chain), chain, award, size))
        found.sort(key=lambda entry: (-round(entry[0], 4), [self._facts[i].place for i in entry[1]]))
        taken: set[int] = set()
        stacks = []
        for coherence, chain, award, size in found:
            if taken.isdisjoint(chain):
                taken.update(chain)
                stacks.append(self._stack(chain, award, size, coherence))
            if len(stacks) == top:
                break
        return stacks

    def _neighbours(self) -> tuple[dict[int, list[int]], float]:
        """Return for each credential those that are most like it, and the least cosine that counts as the same line."""
        middles = self._middles()
        n = len(self._facts)
        random = np.random.default_rng(0)
        i, j = random.integers(n, size=(2, min(4000, n * n)))
        sample = (middles[i].astype(np.float32) * middles[j].astype(np.float32)).sum(axis=1)[i != j]
        least = float(np.clip(np.quantile(sample, 0.8), *COHERENCE)) if len(sample) else COHERENCE[0]
        found: dict[int, list[int]] = {}
        for start in range(0, n, _BLOCK):
            rows = middles[start : start + _BLOCK].astype(np.float32)
            best = np.full((len(rows), 0), -1.0, dtype=np.float32)
            index = np.zeros((len(rows), 0), dtype=np.int64)
            for other in range(0, n, _BLOCK):
                cosine = rows @ middles[other : other + _BLOCK].astype(np.float32).T
                best = np.concatenate([best, cosine], axis=1)
                index = np.concatenate(
                    [index, np.broadcast_to(np.arange(other, other + cosine.shape[1]), cosine.shape)], axis=1
                )
                keep = np.argsort(-best, axis=1, kind="stable")[:, : _NEIGHBOURS + 1]
                best, index = np.take_along_axis(best, keep, axis=1), np.take_along_axis(index, keep, axis=1)
            for r in range(len(rows)):
                near = [int(x) for x, c in zip(index[r], best[r], strict=True) if c >= least and x != start + r]
                found[start + r] = near
        return found, least

    def _grow(self, start: int, neighbours: dict[int, list[int]], least: float) -> list[int] | None:
        """Add the most coherent credential again and again until an award's size is reached."""
        chain = [start]
        if self._award(chain):  # an award in its own right needs no others
            return None
        while len(chain) < MAX_MEMBERS:
            if len(chain) > 1 and self._award(chain):
                return self._ordered(chain)
            options = []
            for j in dict.fromkeys(x for i in chain for x in neighbours[i]):
                if j in chain or not self._fits(chain, j) or self._award([j]):
                    continue
                cosine = float(np.mean([self._cosine(i, j) for i in chain]))
                shared = self._shared(chain, j)
                if cosine >= least and shared:
                    options.append((cosine + 0.02 * min(shared, 5), -j))
            options.sort(reverse=True)
            added = next((-j for _, j in options if self._repetition(self._ordered([*chain, -j])) <= REPETITION), None)
            if added is None:
                return None
            chain.append(added)
        return None

    def _fits(self, chain: Sequence[int], j: int) -> bool:
        a, b = self._facts[chain[0]], self._facts[j]
        if not b.size or b.eqf is None or a.unit != b.unit or a.framework != b.framework:
            return False
        levels = [f.eqf for f in (*(self._facts[i] for i in chain), b) if f.eqf is not None]
        return max(levels) - min(levels) <= 2

    def _shared(self, chain: Sequence[int], j: int) -> int:
        other = self._facts[j]
        return max(len(self._facts[i].goals & other.goals) + len(self._facts[i].skills & other.skills) for i in chain)

    def _ordered(self, chain: Sequence[int]) -> list[int]:
        return sorted(chain, key=lambda i: (self._facts[i].eqf or 0, self._facts[i].size or 0.0, i))

    def _repetition(self, chain: Sequence[int]) -> float:
        largest = 0.0
        for k in range(1, len(chain)):
            own = self._vectors(chain[k])
            earlier = np.concatenate([self._vectors(i) for i in chain[:k]])
            largest = max(largest, float(((own @ earlier.T).max(axis=1) >= SAME_COSINE).mean()))
        return largest

    def _award(self, chain: Sequence[int]) -> tuple[str, float] | None:
        """Return the largest award whose size the chain reaches at its highest level, and that size."""
        facts = [self._facts[i] for i in chain]
        framework = framework_named(facts[0].framework)
        if framework is None:
            return None
        top = max(facts, key=lambda f: (f.eqf or 0, f.level or ""))
        reached = []
        for award in framework.awards:
            credits = award.min_credits is not None and facts[0].unit == f"{award.system} credits"
            least = award.min_credits if credits else award.min_hours if facts[0].unit == "hours" else None
            if least is None or top.level not in award.levels:
                continue
            at_level = sum(f.size or 0.0 for f in facts if f.level in award.levels)
            if sum(f.size or 0.0 for f in facts) >= least and (not credits or at_level >= (award.min_at_level or 0.0)):
                reached.append((least, award.award))
        return (max(reached)[1], max(reached)[0]) if reached else None

    def _coherence(self, chain: Sequence[int]) -> float:
        pairs = [self._cosine(i, j) for k, i in enumerate(chain) for j in chain[k + 1 :]]
        return float(np.mean(pairs))

    def _stack(self, chain: Sequence[int], award: str, award_size: float, coherence: float) -> Stack:
        facts = [self._facts[i] for i in chain]
        members = tuple(self._record(i)[0] for i in chain)
        goals = _twice([f.goals for f in facts], self._goals.labels)
        skills = _twice([f.skills for f in facts], self._skills.labels)
        total, unit = sum(f.size or 0.0 for f in facts), facts[0].unit or "hours"
        repetition = self._repetition(chain)
        levels = [m.level or f"EQF {m.eqf}" for m in members]
        reasons = [f"together {total:g} {unit}: the size of {award} (from {award_size:g})"]
        if goals:
            reasons.append(f"shared SDGs: {', '.join(goals)}")
        if skills:
            reasons.append(f"shared skills: {', '.join(skills[:5])}")
        reasons.append(f"levels {' → '.join(levels)}")
        reasons.append(
            "no outcome is repeated"
            if not repetition
            else f"at most {repetition:.0%} of a credential's outcomes repeat an earlier one"
        )
        return Stack(
            members,
            total,
            unit,
            award,
            award_size,
            goals,
            skills,
            round(coherence, 3),
            round(repetition, 3),
            tuple(reasons),
        )

    # --- what waits on disk

    def _cosine(self, i: int, j: int) -> float:
        middles = self._middles()
        return float(middles[i].astype(np.float32) @ middles[j].astype(np.float32))

    def _middles(self) -> NDArray[np.float16]:
        if not self._facts:
            return np.zeros((0, self._dim or 1), dtype=np.float16)
        if self._opened is None:
            shape = (len(self._facts), self._dim or 1)
            self._opened = np.memmap(self._folder / "middles.f16", dtype=np.float16, mode="r", shape=shape)
        return self._opened

    def _vectors(self, i: int) -> Floats:
        fact, dim = self._facts[i], self._dim or 1
        with (self._folder / "vectors.f16").open("rb") as file:
            file.seek(2 * dim * fact.first)
            found = np.frombuffer(file.read(2 * dim * fact.n), dtype=np.float16)
        return found.reshape(fact.n, dim).astype(np.float32)

    def _record(self, i: int) -> tuple[Member, list[str]]:
        with (self._folder / "texts.jsonl").open("rb") as file:
            file.seek(self._facts[i].place)
            member, texts = json.loads(file.readline())
        return Member(**member), texts


def _member(tagged: TaggedCredential) -> Member:
    credential = tagged.credential
    size = resolve_hours(credential)
    name = framework_of(credential)
    framework = framework_named(name)
    levels = read_levels(framework, credential.level.stated) if framework is not None else ()
    referenced = (
        to_eqf(name or credential.level.framework, credential.level.stated) if credential.level.stated else None
    )
    estimated = credential.level.estimated
    eqf = referenced[0][0] if referenced and referenced[0] else None if estimated is None else estimated.eqf
    credits = size.credits if isinstance(size.credits, (int, float)) and size.credits > 0 else None
    return Member(
        credential.id,
        credential.title,
        credential.provider,
        None if credits is None else float(credits),
        size.system,
        None if size.notional_hours is None else float(size.notional_hours[0]),
        None if framework is None else name,
        levels[0] if len(levels) == 1 else None,
        eqf,
    )


def _plain(member: Member) -> dict[str, Any]:
    return {name: getattr(member, name) for name in Member.__slots__}


def _twice(sets: Sequence[frozenset[int]], labels: Sequence[str]) -> tuple[str, ...]:
    counts: dict[int, int] = {}
    for found in sets:
        for number in found:
            counts[number] = counts.get(number, 0) + 1
    return tuple(labels[x] for x in sorted(counts, key=lambda x: (-counts[x], labels[x])) if counts[x] > 1)
