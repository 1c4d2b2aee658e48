"""Shell completion, with the names of experts and models."""

from __future__ import annotations

import click


@click.command(epilog='Example: eval "$(metier completion bash)"')
@click.argument("shell", type=click.Choice(["bash", "zsh", "fish"]))
def completion(shell: str) -> None:
    """Print the completion script of a shell."""
    from click.shell_completion import get_completion_class

    from metier.cli.main import cli

    kind = get_completion_class(shell)
    assert kind is not None  # the choices are click's own
    click.echo(kind(cli, {}, "metier", "_METIER_COMPLETE").source())


def expert_names() -> list[str]:
    """Return the installed experts; none if the settings cannot be read."""
    from metier.errors import MetierError
    from metier.experts.registry import Registry
    from metier.settings import Settings

    try:
        return list(Registry.from_installed(Settings.load()).entries)
    except MetierError:
        return []


def model_names() -> list[str]:
    """Return the models of the servers; none if one does not listen."""
    from metier.cli.session import run_async
    from metier.errors import MetierError
    from metier.models import local
    from metier.models.opening import server_of
    from metier.settings import Settings

    try:
        settings = Settings.load()
        if not all(local.is_listening(host.address, timeout_s=0.2) for host in settings.servers):
            return []
        server = server_of(settings)
        return [model.name for model in run_async(server.list, closing=server)]
    except MetierError:
        return []


def complete_expert(ctx: click.Context, param: click.Parameter, incomplete: str) -> list[str]:
    """Complete the name of an expert."""
    return [name for name in expert_names() if name.startswith(incomplete)]


def complete_model(ctx: click.Context, param: click.Parameter, incomplete: str) -> list[str]:
    """Complete the name of a model."""
    return [name for name in model_names() if name.startswith(incomplete)]


def complete_strategy(ctx: click.Context, param: click.Parameter, incomplete: str) -> list[str]:
    """Complete the name of a strategy."""
    from metier.strategies import Strategies

    return [name for name in Strategies().names if name.startswith(incomplete)]
