"""`metier index`."""

from __future__ import annotations

from functools import partial
from typing import TYPE_CHECKING

import click

from metier.cli.session import errors_for_people, load_settings, open_council, run_async

if TYPE_CHECKING:
    from metier.council import Council


@click.group(epilog="Example: metier index build")
def index() -> None:
    """Manage the index of the experts' capabilities."""


@index.command(epilog="Example: metier index build")
def build() -> None:
    """Rebuild the index."""
    with errors_for_people():
        council = open_council(load_settings(), only_embeds=True)
        built = run_async(partial(council.planning.index, fresh=True), closing=council)
        click.echo(f"{len(built)} vectors in {council.planning.folder}", err=True)


@index.command(epilog="Example: metier index status --json")
@click.option("--json", "as_json", is_flag=True, help="Print one JSON object.")
def status(*, as_json: bool) -> None:
    """Check whether the saved index is up to date.

    Asking a question updates it automatically.
    """
    with errors_for_people(as_json=as_json):
        from metier.cli.text import as_json as dumped
        from metier.council import Council

        council = Council.from_installed(load_settings())
        found = current_state(council)
        if as_json:
            click.echo(dumped(found))
            return
        for key, value in found.items():
            click.echo(f"{key}: {value}")


def current_state(council: Council) -> dict[str, object]:
    """How the saved index compares with the cards, and with the weights of the embedder."""
    from metier.models.embedder import weights_of

    weights = run_async(partial(weights_of, council.embedder), closing=council.server)
    return index_state(council, weights=weights)


def index_state(council: Council, *, weights: str = "") -> dict[str, object]:
    """How the saved index compares with the cards."""
    from metier.planning.index import CapabilityIndex, hash_of

    of = council.embedder.id
    saved = CapabilityIndex.load(council.planning.folder, embedder_id=of, weights=weights)
    cards = council.registry.cards
    have = saved.experts if saved is not None else {}
    stale = [name for name, card in cards.items() if have.get(name) != hash_of(card)]
    return {
        "folder": str(council.planning.folder),
        "embedder": council.embedder.id,
        "vectors": len(saved) if saved is not None else 0,
        "fits": saved is not None and not stale and set(have) == set(cards),
        "to_embed": stale,
    }
