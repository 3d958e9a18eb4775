from __future__ import annotations

import pytest

from tagger.language import looks_english


@pytest.mark.parametrize(
    "text",
    [
        "Design a rainwater harvesting system for a school",
        "Python basics",
        "",
        "Analyse Goethe's Die Leiden des jungen Werthers and its reception in the press of the time",
        "Write Go programs",
        "Calculate cost per unit",
        "UN peacekeeping",
        "Plot z scores",
        "Use the café's point-of-sale system and close the day's accounts",
    ],
)
def test_english(text: str) -> None:
    assert looks_english(text)


@pytest.mark.parametrize(
    "text",
    [
        "redogöra för och tillämpa vetenskapliga metoder inom arkivvetenskap",
        "Die Studierenden können die Grundlagen der Statistik erklären und anwenden",
        "Analyser les politiques publiques et proposer des solutions pour les territoires",
        "Diseñar un sistema de recogida de agua para una escuela",
        "DISEÑAR UN SISTEMA PARA LA ESCUELA",
        "De student kan een onderzoek opzetten en uitvoeren met behulp van statistiek",
        "学習者は水質を分析できる",
        "Студент умеет анализировать данные",
    ],
)
def test_other_languages(text: str) -> None:
    assert not looks_english(text)
