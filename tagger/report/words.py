"""The words and facts of the report that do not depend on a catalogue: goals, rules, taxonomies, attributions."""

from __future__ import annotations

from typing import Final, NamedTuple

__all__ = [
    "ATTRIBUTIONS",
    "BLOOM_ORDER",
    "GOALS",
    "SEVERITIES",
    "TAXONOMY_TITLES",
    "Goal",
    "Rule",
    "ink_on",
    "rule_words",
    "taxonomy_title",
]


class Goal(NamedTuple):
    """A Sustainable Development Goal: number, short name and official colour."""

    number: str
    name: str
    colour: str


# Source: United Nations, guidelines for the use of the SDG logo. Names and colour values are facts; no icons are used.
GOALS: Final = (
    Goal("1", "No poverty", "#e5243b"),
    Goal("2", "Zero hunger", "#dda63a"),
    Goal("3", "Good health and well-being", "#4c9f38"),
    Goal("4", "Quality education", "#c5192d"),
    Goal("5", "Gender equality", "#ff3a21"),
    Goal("6", "Clean water and sanitation", "#26bde2"),
    Goal("7", "Affordable and clean energy", "#fcc30b"),
    Goal("8", "Decent work and economic growth", "#a21942"),
    Goal("9", "Industry, innovation and infrastructure", "#fd6925"),
    Goal("10", "Reduced inequalities", "#dd1367"),
    Goal("11", "Sustainable cities and communities", "#fd9d24"),
    Goal("12", "Responsible consumption and production", "#bf8b2e"),
    Goal("13", "Climate action", "#3f7e44"),
    Goal("14", "Life below water", "#0a97d9"),
    Goal("15", "Life on land", "#56c02b"),
    Goal("16", "Peace, justice and strong institutions", "#00689d"),
    Goal("17", "Partnerships for the goals", "#19486a"),
)

SEVERITIES: Final = ("red", "amber", "info")
BLOOM_ORDER: Final = ("remember", "understand", "apply", "analyse", "evaluate", "create")


class Rule(NamedTuple):
    """What a kind of finding means: a heading and one sentence."""

    title: str
    meaning: str


_RULES: Final = {
    "size": Rule("Size", "Size in credits or hours, held against the rules where the credential is offered."),
    "size-below-minimum": Rule("Size below the minimum", "Smaller than the rules where it is offered allow."),
    "size-above-maximum": Rule("Size above the maximum", "Larger than the rules where it is offered allow."),
    "size-exceptional": Rule("Exceptional size", "A size that the rules allow only with a reason."),
    "size-step": Rule("Size between permitted steps", "The rules ask for sizes in whole steps; this one lies between."),
    "size-award": Rule("As large as an award", "Large enough to be an award in its own right at this level."),
    "size-award-exists": Rule("An award of this size exists", "An award of this size is known at this level."),
    "size-level": Rule("Level outside the rules", "The rules where it is offered do not provide for this level."),
    "size-hours": Rule("Hours and credits disagree", "The stated hours are not what the framework gives the credits."),
    "density": Rule("Density", "More outcomes than is usual for this many hours of learning."),
    "breadth": Rule(
        "Breadth", "The outcomes lie further apart in subject than is usual for so many of them in one credential."
    ),
    "overloaded": Rule(
        "Overload", "Many outcomes for the hours, or outcomes far apart and not few; red where it is both."
    ),
    "level-mismatch": Rule("Level", "The outcomes read like those of another level than the one stated."),
    "wording-vague-verb": Rule(
        "Wording: verbs", "The verb names a state of mind, which is harder to assess than an act."
    ),
    "wording-several": Rule(
        "Wording: several in one", "An outcome asks for several things, each with an object of its own."
    ),
    "wording-no-verb": Rule("Wording: no verb", "A subject is named, but not what the learner does with it."),
    "wording-not-learner": Rule(
        "Wording: about the course", "The sentence says what the course does, not what learners can do."
    ),
    "wording-long": Rule("Wording: length", "Longer than is easily read and assessed."),
    "wording-duplicate": Rule("Wording: said twice", "Two outcomes of a credential say nearly the same."),
    "wording-low-level": Rule(
        "Wording: level", "Only remembering and understanding are asked for, which is unusual at this level."
    ),
    "wording": Rule("Wording", "The wording makes an outcome hard to assess, or its level hard to see."),
}


def rule_words(rule: str) -> Rule:
    """Return heading and meaning of a rule; a rule of a known family is headed by the family.

    Examples
    --------
    >>> rule_words("wording-vague").title
    'Wording: vague'
    >>> rule_words("density").title
    'Density'
    """
    if rule in _RULES:
        return _RULES[rule]
    family, _, rest = rule.partition("-")
    words = _RULES.get(family)
    if words is None:
        return Rule(rule.replace("-", " ").capitalize(), "")
    return Rule(f"{words.title}: {rest.replace('-', ' ')}", words.meaning)


TAXONOMY_TITLES: Final = {
    "sdg": "Sustainable Development Goals",
    "sdg-targets": "SDG targets",
    "esco": "ESCO skills and knowledge",
    "onet": "O*NET",
    "bloom": "Bloom's revised taxonomy",
    "solo": "SOLO (derived from Bloom)",
    "dok": "Depth of knowledge (derived from Bloom)",
    "eqf": "European Qualifications Framework",
}

# The sentence for ESCO is the one that the European Commission asks publications for.
ATTRIBUTIONS: Final = {
    "esco": "This publication uses the ESCO classification of the European Commission.",
    "sdg": "Names, numbers and colours of the Sustainable Development Goals are those of the United Nations. The "
    "content of this report has not been approved by the United Nations and does not reflect the views of the United "
    "Nations or its officials or Member States. See https://www.un.org/sustainabledevelopment/.",
    "onet": "This report uses O*NET data of the U.S. Department of Labor, Employment and Training Administration, "
    "under CC BY 4.0; it has not been approved, endorsed or tested by that department.",
}


def taxonomy_title(taxonomy: str) -> str:
    """Return a taxonomy's name for readers; its id where we have none."""
    return TAXONOMY_TITLES.get(taxonomy, taxonomy)


def ink_on(colour: str) -> str:
    """Return black or white, whichever reads better on `colour` (always 4.5 : 1 or more).

    Source of the formula: W3C, WCAG 2.2, relative luminance and contrast ratio.

    Examples
    --------
    >>> ink_on("#fcc30b"), ink_on("#19486a")
    ('#000000', '#ffffff')
    """
    black = (luminance(colour) + 0.05) / 0.05
    white = 1.05 / (luminance(colour) + 0.05)
    return "#000000" if black >= white else "#ffffff"


def luminance(colour: str) -> float:
    """Return the relative luminance of ``#rrggbb``, 0 to 1 (WCAG 2.2)."""
    channels = [int(colour[i : i + 2], 16) / 255 for i in (1, 3, 5)]
    linear = [c / 12.92 if c <= 0.04045 else ((c + 0.055) / 1.055) ** 2.4 for c in channels]
    return 0.2126 * linear[0] + 0.7152 * linear[1] + 0.0722 * linear[2]
