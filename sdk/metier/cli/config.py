"""`metier config`."""

from __future__ import annotations

import click

from metier.cli.session import errors_for_people, load_settings


@click.group(epilog="Example: metier config set num_ctx 8192")
def config() -> None:
    """Show and change the settings."""


@config.command(epilog="Example: metier config path")
def path() -> None:
    """Print where the settings file is."""
    from metier.settings import config_file

    click.echo(config_file())


@config.command(epilog="Example: metier config get num_ctx")
@click.argument("name", required=False)
@click.option("--json", "as_json", is_flag=True, help="Print one JSON object.")
def get(name: str | None, *, as_json: bool) -> None:
    """Print one setting, or all of them with their meanings."""
    with errors_for_people(as_json=as_json):
        from metier.cli.text import as_json as dumped
        from metier.errors import InvalidSettings, nearest
        from metier.settings import Settings
        from metier.settings.hosts import OLD_NAMES
        from metier.settings.renamed import new_name

        name = name and new_name(name, OLD_NAMES)
        values = load_settings().model_dump(mode="json")
        if name is not None and name not in values:
            raise InvalidSettings(f"there is no setting {name!r}{nearest(name, values)}")
        if as_json:
            click.echo(dumped({name: values[name]} if name else values))
            return
        if name is not None:
            click.echo(values[name])
            return
        width = max(len(key) for key in values)
        for key, value in values.items():
            meaning = Settings.model_fields[key].description
            click.echo(f"{key.ljust(width)}  {value}  # {meaning}")


@config.command("set", epilog="Example: metier config set num_ctx 8192")
@click.argument("name")
@click.argument("value")
def set_(name: str, value: str) -> None:
    """Set one setting in the file."""
    with errors_for_people():
        from metier.settings import config_file, write_setting
        from metier.settings.hosts import OLD_NAMES
        from metier.settings.renamed import new_name

        file, name = config_file(), new_name(name, OLD_NAMES)
        settings = write_setting(file, name, value)
        click.echo(f"{name} = {getattr(settings, name)} in {file}", err=True)
