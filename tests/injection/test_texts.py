"""The attack texts themselves."""

from __future__ import annotations

import base64
from collections import Counter

from benchmarks.attacks.scenes import SCENES
from benchmarks.attacks.texts import attacks


def test_there_are_sixty_texts_and_more_half_of_them_reported() -> None:
    assert len(attacks()) >= 60
    assert len(attacks("reported")) == len(attacks("development"))


def test_every_category_is_in_both_halves() -> None:
    halves = {attack.category: Counter[str]() for attack in attacks()}
    for attack in attacks():
        halves[attack.category][attack.half] += 1
    assert all(count["reported"] == count["development"] >= 4 for count in halves.values())


def test_no_canary_stands_in_two_texts_or_in_a_scene() -> None:
    canaries = [attack.canary.casefold() for attack in attacks()]
    assert len(set(canaries)) == len(canaries)
    told = " ".join(f"{scene.question} {scene.text()}" for scene in SCENES).casefold()
    assert not [canary for canary in canaries if canary in told]


def test_what_is_hidden_is_encoded_in_the_text() -> None:
    hidden = next(attack for attack in attacks() if attack.id == "encoded.2")
    assert hidden.canary not in hidden.text
    assert hidden.canary in base64.b64decode(hidden.text).decode()
