"""`metier serve`."""

from __future__ import annotations

import secrets
from functools import partial
from typing import TYPE_CHECKING

import click

from metier.cli.session import (
    alongside,
    errors_for_people,
    load_settings,
    open_council,
    run_async,
    run_store,
    stop_warming,
)

if TYPE_CHECKING:
    from metier.council import Council
    from metier.serving import Access
    from metier.settings import Settings

_EPILOG = """\b
Examples:
  metier serve                                  at http://127.0.0.1:8413
  metier serve --new-key                        make a key, and keep its hash
  metier serve --host 0.0.0.0                   for other machines; callers send the key
  curl http://127.0.0.1:8413/v1/models
"""
_KEY_BYTES = 32


@click.command(epilog=_EPILOG)
@click.option(
    "--host",
    default="127.0.0.1",
    show_default=True,
    help="Address to listen on; needs a key if other machines reach it.",
)
@click.option("--port", type=click.IntRange(0, 65535), default=8413, show_default=True)
@click.option(
    "--key", help="Key that callers must send, for this start only; default: the stored one."
)
@click.option("--new-key", is_flag=True, help="Print a new key, keep its hash, and exit.")
@click.option(
    "--origin",
    "origins",
    multiple=True,
    help="Allow pages from this origin, such as https://chat.example. Repeatable.",
)
@click.option("--cluster", metavar="ADDRESS", help="Ray cluster whose hosts answer.")
@click.option(
    "--requests",
    type=click.IntRange(min=1),
    default=64,
    show_default=True,
    help="Maximum number of questions at once; more are refused as busy.",
)
def serve(
    *,
    host: str,
    port: int,
    key: str | None,
    new_key: bool,
    origins: tuple[str, ...],
    cluster: str | None,
    requests: int,
) -> None:
    """Serve the council as a page, and to programs that speak OpenAI's or Ollama's API.

    The page at `/` shows who answers each part of a question and why, and lets people change it.
    The model `metier` plans and asks the experts; each expert is a model too, and
    `metier:STRATEGY` combines several answers to each step.
    """
    with errors_for_people():
        if new_key:
            _keep_new_key()
            return
        settings = load_settings(cluster=cluster)
        from metier.errors import InvalidSettings

        try:
            from metier.serving import ServingLimits
            from metier.serving import serve as run
        except ImportError as exc:
            raise InvalidSettings(
                "metier serve needs starlette and uvicorn, which are not installed",
                hint="Install them with: pip install 'metier[serve]'",
            ) from exc
        access = _access(settings, host=host, key=key, origins=origins)
        council = open_council(settings, runs=run_store(settings, log=True))
        stop_warming(settings)
        limits = ServingLimits(requests=requests)
        serving = partial(run, council, port=port, access=access, limits=limits, say=_say)
        run_async(partial(alongside, partial(_warm, council), serving), closing=council)


def _say(line: str) -> None:
    click.echo(line, err=True)


async def _warm(council: Council) -> None:
    """Load the models and have the prompts read; say what the first question waits for."""
    from metier.errors import MetierError

    warming = council.warming
    try:
        for card in council.registry.cards.values():
            await council.model_of(card)
        if warming.keeps_prompts:
            _say(
                "loading the models and reading the experts' prompts; answers take longer meanwhile"
            )
            await warming.keep_warm(lambda: _say("the models are loaded, and the prompts are read"))
        elif not await warming.is_loaded():
            _say("the first answer waits for its model; to load it now: metier models warm")
    except MetierError as exc:
        _say(f"questions cannot be answered yet: {exc}")


def _access(settings: Settings, *, host: str, key: str | None, origins: tuple[str, ...]) -> Access:
    from metier.errors import InvalidSettings
    from metier.serving import Access
    from metier.serving.access import SHORTEST_KEY, hashed

    if key is not None and len(key) < SHORTEST_KEY:
        raise InvalidSettings(
            f"the key has fewer than {SHORTEST_KEY} characters",
            hint="Make one: metier serve --new-key",
        )
    kept = settings.serve_key_sha256 if key is None else hashed(key)
    return Access(host=host, key_sha256=kept, origins=origins)


def _keep_new_key() -> None:
    from metier.serving.access import hashed
    from metier.settings.settings import config_file, write_setting

    key = secrets.token_urlsafe(_KEY_BYTES)
    write_setting(config_file(), "serve_key_sha256", hashed(key))
    click.echo("this key is shown only once; its hash is stored in the settings", err=True)
    click.echo(key)
