"""The cards: what a `domain.toml` may say, and what is said about one that is wrong."""

from __future__ import annotations

from collections import Counter
from pathlib import Path

import pytest
from pydantic import ValidationError

from metier.errors import InvalidCard
from metier.experts.card import MAX_CARD_BYTES, Card, read_card
from metier.experts.registry import builtin_domains

GOOD = """\
api = 1
[expert]
id = "cooking"
description = "Recipes and quantities"
models = ["gemma3:4b", "small:1b"]

[[capability]]
name = "scale"
description = "Scale a recipe"
examples = ["How much flour for 6 guests?"]
counterexamples = ["How many servings of fruit are healthy?"]

[[capability]]
name = "convert"
description = "Convert cups to grams"
"""

SHIPPED = ("code", "general", "math", "medical")


def card_file(folder: Path, text: str) -> Path:
    file = folder / "domain.toml"
    file.write_text(text, encoding="utf-8")
    return file


def refusal(file: Path) -> str:
    with pytest.raises(InvalidCard) as caught:
        read_card(file)
    return str(caught.value)


def test_a_card_holds_what_the_file_says(tmp_path: Path) -> None:
    card = read_card(card_file(tmp_path, GOOD))
    assert (card.id, card.models) == ("cooking", ("gemma3:4b", "small:1b"))
    assert [capability.name for capability in card.capabilities] == ["scale", "convert"]
    assert card.capabilities[0].examples == ("How much flour for 6 guests?",)


def test_what_a_file_leaves_out_has_its_default(tmp_path: Path) -> None:
    card = read_card(card_file(tmp_path, GOOD))
    assert (card.stream, card.temperature, card.prompt, card.disclaimer) == ("direct", 0.0, "", "")
    assert (card.capabilities[1].inputs, card.capabilities[1].output) == (("text",), "text")


def test_a_folder_stands_for_the_file_in_it(tmp_path: Path) -> None:
    card_file(tmp_path, GOOD)
    assert read_card(tmp_path).id == "cooking"


def test_only_the_expert_called_general_is_general(tmp_path: Path) -> None:
    general = read_card(card_file(tmp_path, GOOD.replace('"cooking"', '"general"')))
    assert general.is_general
    assert not read_card(card_file(tmp_path, GOOD)).is_general


def test_a_card_cannot_be_changed(tmp_path: Path) -> None:
    card = read_card(card_file(tmp_path, GOOD))
    with pytest.raises(ValidationError):
        # What is tried here.
        card.id = "other"  # pyrefly: ignore[read-only]


@pytest.mark.parametrize(
    ("old", "new", "place", "words"),
    [
        ("models", "model", ":5: ", "unknown key 'model' (nearest: 'models')"),
        ("examples", "exmples", ":10, [[capability]] 1: ", "'exmples' (nearest: 'examples'"),
        ("[expert]", "[exprt]", ":2: ", "unknown key 'exprt' (nearest: 'expert')"),
        ("id =", "iid =", ":3: ", "unknown key 'iid' (nearest: 'id')"),
        ('"Convert', '3 #"', ":15, [[capability]] 2: ", "description = 3: "),
        ('["gemma3:4b", "small:1b"]', '"gemma3:4b"', ":5: ", "models = 'gemma3:4b': "),
        ('"How much flour for 6 guests?"', "6", ":10, [[capability]] 1: ", "examples = 6: "),
        ('"cooking"', '"Cooking"', ":3: ", "id = 'Cooking': "),
        ('"cooking"', '"1st"', ":3: ", "id = '1st': "),
        ('"cooking"', '""', ":3: ", "id = '': "),
        ('"cooking"', f'"{"c" * 64}"', ":3: ", "id = 'cccc"),
        ('"Recipes and quantities"', '"  "', ":4: ", "description = '  ': "),
        ('"scale"', '"scale it"', ":8, [[capability]] 1: ", "name = 'scale it': "),
    ],
)
def test_a_wrong_key_or_value_is_named_with_its_place(
    tmp_path: Path, old: str, new: str, place: str, words: str
) -> None:
    assert old in GOOD
    file = card_file(tmp_path, GOOD.replace(old, new, 1))
    message = refusal(file)
    assert message.startswith(f"{file}{place}")
    assert words in message


@pytest.mark.parametrize(
    ("line", "place", "key"),
    [
        ('id = "cooking"\n', ":2: ", "id"),
        ('description = "Recipes and quantities"\n', ":2: ", "description"),
        ('name = "scale"\n', ":7, [[capability]] 1: ", "name"),
        ('description = "Convert cups to grams"\n', ":13, [[capability]] 2: ", "description"),
    ],
)
def test_a_missing_key_is_named_with_the_line_of_its_table(
    tmp_path: Path, line: str, place: str, key: str
) -> None:
    assert line in GOOD
    file = card_file(tmp_path, GOOD.replace(line, "", 1))
    assert refusal(file).startswith(f"{file}{place}{key!r} is missing")


@pytest.mark.parametrize("table", ["expert", "capability"])
def test_a_missing_table_is_named(tmp_path: Path, table: str) -> None:
    head, _, capabilities = GOOD.partition("[[")
    text = head if table == "capability" else f"api = 1\n[[{capabilities}"
    assert f"{table!r} is missing" in refusal(card_file(tmp_path, text))


def test_the_known_keys_are_in_the_hint(tmp_path: Path) -> None:
    text = GOOD.replace("models", "weights", 1)
    assert "Known keys here: id, description, models" in refusal(card_file(tmp_path, text))


@pytest.mark.parametrize("key", ["(", "[x", "c++", "a.b", "*"])
def test_an_unknown_key_may_hold_any_character(tmp_path: Path, key: str) -> None:
    file = card_file(tmp_path, f"'{key}' = 1\n{GOOD}")
    assert refusal(file).startswith(f"{file}:1: unknown key {key!r}")


@pytest.mark.parametrize(
    ("text", "shown"),
    [("api = 2", "api = 2"), ('api = "1"', "api = '1'"), ("", "api = None")],
)
def test_another_api_version_is_refused_with_the_one_that_is_read(
    tmp_path: Path, text: str, shown: str
) -> None:
    message = refusal(card_file(tmp_path, GOOD.replace("api = 1", text)))
    assert f"{shown}, and this metier reads api = 1" in message


def test_a_capability_twice_is_refused_by_name(tmp_path: Path) -> None:
    text = GOOD.replace('"convert"', '"scale"')
    assert "two capabilities are called 'scale'" in refusal(card_file(tmp_path, text))


def test_a_card_needs_a_capability(tmp_path: Path) -> None:
    text = GOOD.partition("[[")[0].replace("api = 1", "api = 1\ncapability = []")
    assert "capability = []" in refusal(card_file(tmp_path, text))


def test_a_long_value_is_shortened_in_the_message(tmp_path: Path) -> None:
    text = GOOD.replace("Scale a recipe", "x" * 5000)
    assert len(refusal(card_file(tmp_path, text))) < len(str(tmp_path)) + 250


@pytest.mark.parametrize(
    "content",
    [b"\xff\xfe\x00", b"api = ", b"api = 1\nx = " + b"[" * 5000, b"api = " + b"9" * 5000],
    ids=["binary", "half a line", "nested deep", "a number too long"],
)
def test_a_file_that_is_no_toml_is_refused_by_name(tmp_path: Path, content: bytes) -> None:
    file = tmp_path / "domain.toml"
    file.write_bytes(content)
    assert str(file) in refusal(file)


def test_a_huge_file_is_refused_unread(tmp_path: Path) -> None:
    file = card_file(tmp_path, GOOD + "#" * MAX_CARD_BYTES)
    assert refusal(file) == f"{file} cannot be read: it is larger than 1 MiB"


@pytest.mark.parametrize("name", ["none.toml", "folder", "file/domain.toml"])
def test_a_file_that_is_not_there_is_named(tmp_path: Path, name: str) -> None:
    (tmp_path / "folder").mkdir()
    (tmp_path / "file").write_text("no folder")
    assert str(tmp_path / name) in refusal(tmp_path / name)


@pytest.mark.parametrize("name", SHIPPED)
def test_a_shipped_domain_is_valid(name: str) -> None:
    assert read_card(builtin_domains() / name).id == name


def test_all_shipped_domains_are_known_here() -> None:
    assert tuple(sorted(path.parent.name for path in builtin_domains().glob("*/*.toml"))) == SHIPPED


@pytest.mark.parametrize("name", [name for name in SHIPPED if name != "general"])
@pytest.mark.parametrize("kind", ["examples", "counterexamples"])
def test_each_capability_of_a_shipped_domain_has_twenty_of_both(name: str, kind: str) -> None:
    card = read_card(builtin_domains() / name)
    counts = {capability.name: len(getattr(capability, kind)) for capability in card.capabilities}
    assert {capability: n for capability, n in counts.items() if n < 20} == {}


def shipped_cards() -> list[Card]:
    return [read_card(builtin_domains() / name) for name in SHIPPED]


def test_no_example_belongs_to_two_capabilities() -> None:
    counted = Counter(
        " ".join(example.lower().split())
        for card in shipped_cards()
        for capability in card.capabilities
        for example in capability.examples
    )
    assert [example for example, n in counted.items() if n > 1] == []


def test_no_example_of_a_capability_is_its_own_counterexample() -> None:
    assert [
        example
        for card in shipped_cards()
        for capability in card.capabilities
        for example in set(capability.examples) & set(capability.counterexamples)
    ] == []


def leading(*references: str) -> str:
    listed = ", ".join(f'"{each}"' for each in references)
    return f"{GOOD}leads_to = [{listed}]\n"


def test_a_capability_leads_to_others_of_its_expert_and_of_other_ones(tmp_path: Path) -> None:
    card = read_card(card_file(tmp_path, leading("scale", "math.calculate")))
    convert = ("cooking", "convert")
    assert card.edges == ((convert, ("cooking", "scale")), (convert, ("math", "calculate")))


@pytest.mark.parametrize("reference", ["Scale", "math.", ".scale", "a.b.c", "math calculate", ""])
def test_a_reference_that_names_nothing_is_refused(reference: str, tmp_path: Path) -> None:
    assert "leads_to" in refusal(card_file(tmp_path, leading(reference)))


@pytest.mark.parametrize("reference", ["scales", "cooking.scales"])
def test_a_reference_to_no_capability_of_the_expert_is_refused(
    reference: str, tmp_path: Path
) -> None:
    said = refusal(card_file(tmp_path, leading(reference)))
    assert "leads_to = 'scales' is no capability here (nearest: 'scale')" in said


def test_the_edges_of_the_shipped_cards_lead_somewhere() -> None:
    cards = [read_card(builtin_domains() / name) for name in SHIPPED]
    there = {(card.id, capability.name) for card in cards for capability in card.capabilities}
    edges = {edge for card in cards for edge in card.edges}
    assert edges
    assert {key for edge in edges for key in edge} <= there


def test_the_old_key_notice_is_read_as_the_disclaimer_with_a_warning(tmp_path: Path) -> None:
    file = card_file(tmp_path, GOOD.replace("models", 'notice = "Wash your hands."\nmodels'))
    with pytest.warns(FutureWarning, match="'notice' is called 'disclaimer'"):
        card = read_card(file)
    assert card.disclaimer == "Wash your hands."


def test_a_card_with_the_old_and_the_new_key_is_refused(tmp_path: Path) -> None:
    both = 'notice = "a"\ndisclaimer = "b"\nmodels'
    assert "unknown key 'notice'" in refusal(card_file(tmp_path, GOOD.replace("models", both)))


def test_the_old_names_of_a_disclaimer_work_in_python_and_warn() -> None:
    with pytest.warns(FutureWarning, match="'notice' is called 'disclaimer'"):
        # The old name is what is tried.
        card = Card(id="cooking", description="Recipes", notice="Wash.")  # pyrefly: ignore
    with pytest.warns(DeprecationWarning, match="Card.disclaimer"):
        assert card.notice == card.disclaimer == "Wash."
