"""Features of the acts that an outcome asks for: its verbs, what they act on, and which of them come together.

A verb says a cognitive level only with its object ("develop a plan", "develop an understanding") and its place: what opens
the outcome or follows a comma or a conjunction is assessed, what comes later is mostly object.
"""

from __future__ import annotations

from tagger.lexicon import lexicon
from tagger.phrases import WORD, is_adverb

__all__ = ["act_features"]

_N_OPENING = 4
_N_OBJECT = 3
_N_VERBS = 8


def act_features(text: str, language: str = "en") -> list[tuple[str, int, int]]:
    """Return (name, start, end) of each feature of an outcome without its lead-in (see `tagger.text.strip_boilerplate`).

    The characters are those of the words that carry the feature. The kinds of name: ``word``; ``^…^…`` the first words and
    ``/…/…`` their base forms; ``k:`` a verb, or a noun that stands for one; ``v:`` a verb in the place of an act, ``v0:``
    with its rank among these, ``o:`` with the words that follow, ``b:`` the levels that it may signal, ``s:`` all of these, ``n=``
    how many; ``p:`` two verbs; ``x:`` the first act with another word.

    Examples
    --------
    >>> [name for name, _, _ in act_features("Explain risk")][:6]
    ['k:explain', 'v:explain', 'v0:explain', 'o:explain risk', 'b:understand', 'explain']
    """
    lex = lexicon(language)
    forms, nominal, levels, conjunctions = lex.forms, lex.nominal, lex.levels, lex.conjunctions
    spans = [m.span() for m in WORD.finditer(text)]
    if not spans:
        return []
    lower = [text[start:end].lower() for start, end in spans]
    features: list[tuple[str, int, int]] = []
    add = features.append
    bases: list[str] = []
    verbs: dict[str, tuple[int, int]] = {}
    leading = ""
    sequence = "s:"
    n_acts = 0
    expecting = True
    before = 0
    for at, word in enumerate(lower):
        start, end = spans[at]
        base = nominal.get(word)
        form = forms.get(word)
        if base is None and form is not None:
            base = form[0]
        expecting = expecting or "," in text[before:start] or ";" in text[before:start]
        before = end
        if base is None:
            bases.append(word)
        else:
            bases.append(base)
            verbs.setdefault(base, (start, end))
            add(("k:" + base, start, end))
            if expecting:
                leading = leading or base
                add(("v:" + base, start, end))
                add((f"v{min(n_acts, 2)}:{base}", start, end))
                name = "o:" + base
                for after in range(at + 1, min(at + 1 + _N_OBJECT, len(lower))):
                    name += " " + lower[after]
                    add((name, start, spans[after][1]))
                for level in levels.get(base, ()):
                    add(("b:" + level, start, end))
                sequence += " " + base
                n_acts += 1
        add((word, start, end))
        if word in conjunctions:
            expecting = True
        elif base is not None or not is_adverb(word, lex):
            expecting = False
    first = spans[0][0]
    opening = base_opening = ""
    for at in range(min(_N_OPENING, len(lower))):
        opening += "^" + lower[at]
        base_opening += "/" + bases[at]
        end = spans[at][1]
        add((opening, first, end))
        add((base_opening, first, end))
    add((sequence, first, spans[0][1]))
    add((f"n={min(n_acts, 4)}", first, spans[0][1]))
    together = list(verbs.items())[:_N_VERBS]
    for n, (one, _) in enumerate(together):
        one = f"p:{one}+"
        for other, (start, end) in together[n + 1 :]:
            add((one + other, start, end))
    leading = f"x:{leading or bases[0]}|"
    for at in range(1, len(lower)):
        add((leading + lower[at], *spans[at]))
    return features
