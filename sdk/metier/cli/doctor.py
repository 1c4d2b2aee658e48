"""`metier doctor`: find what is wrong, and show the command that fixes it."""

from __future__ import annotations

import os
import sys
from collections.abc import Iterator
from dataclasses import asdict, dataclass
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING

import click

from metier.cli.session import FAILED, errors_for_people, load_settings, run_async
from metier.cli.terminal import styled

if TYPE_CHECKING:
    from collections.abc import Sequence

    from metier.council import Council
    from metier.experts.suggesting import Suggestion
    from metier.settings import HostSettings, Settings


@dataclass(frozen=True, slots=True, kw_only=True)
class Check:
    """The result of one check.

    Attributes:
        fix: the command that fixes it, or improves it if it is well.
    """

    name: str
    ok: bool
    detail: str
    fix: str = ""


@click.command(epilog="Example: metier doctor --json")
@click.option("--json", "as_json", is_flag=True, help="Print one JSON object.")
def doctor(*, as_json: bool) -> None:
    """Check that everything needed to answer is installed. Nothing is started or changed."""
    with errors_for_people(as_json=as_json):
        from metier.cli.text import as_json as dumped

        checks = examined(load_settings())
        if as_json:
            click.echo(dumped({"checks": [asdict(check) for check in checks]}))
        else:
            for check in checks:
                mark, colour = ("ok  ", "green") if check.ok else ("FAIL", "red")
                mend = f"  →  {check.fix}" if check.fix else ""
                styled(mark, fg=colour, nl=False)
                click.echo(f" {check.name}: {check.detail}{mend}")
        sys.exit(0 if all(check.ok for check in checks) else FAILED)


def examined(settings: Settings) -> list[Check]:
    """Run all checks."""
    from metier.council import Council

    council = Council.from_installed(settings)
    if settings.cluster:
        servers = [_cluster(council), *_nodes(council)]
    else:
        servers = [_server(host, settings) for host in settings.servers]
    reachable = any(server.ok for server in servers)
    return [
        *servers,
        *(_labels(council) if reachable else ()),
        *(_models(council) if reachable else ()),
        *(_prompts(council) if reachable else ()),
        _embedder(council, reachable=reachable),
        _index(council),
        *_calibration(council),
        *_languages(council),
        *_plugins(council),
        _sandbox(),
        *_merges(council, reachable=reachable),
        *_folders(settings),
        *_proxy(settings),
    ]


def _server(host: HostSettings, settings: Settings) -> Check:
    from metier.errors import MetierError
    from metier.models import local
    from metier.models.ollama import OllamaServer

    server = OllamaServer.from_settings(settings.model_copy(update={"host": host.address}))
    try:
        if not local.is_listening(host.address, timeout_s=settings.connect_timeout_s):
            raise ConnectionError
        version = run_async(server.version, closing=server)
    except (MetierError, ConnectionError) as exc:
        have = local.ollama_program(settings) is not None
        fix = f"OLLAMA_HOST={host.address} ollama serve" if have else "scripts/get-ollama"
        reason = exc.message if isinstance(exc, MetierError) else "nothing listens"
        detail = f"{host.address}: {reason}"
        return Check(name="Ollama", ok=False, detail=detail, fix=fix)
    labels = f" ({', '.join(host.labels)})" if host.labels else ""
    return Check(name="Ollama", ok=True, detail=f"version {version} at {host.address}{labels}")


def _cluster(council: Council) -> Check:
    from metier.errors import MetierError

    address = council.settings.cluster
    try:
        listed = run_async(council.server.list, closing=council.server)
    except MetierError as exc:
        fix = f"metier cluster start-host {address}"
        return Check(name="cluster", ok=False, detail=exc.message, fix=fix)
    hosts = sorted({host for model in listed for host in model.hosts})
    return Check(name="cluster", ok=True, detail=f"{', '.join(hosts)} at {address}")


def _nodes(council: Council) -> Iterator[Check]:
    """Nodes of the cluster that are not used, or not for the steps of an expert."""
    from metier.engine.refusals import Refusals
    from metier.models.hosts.ray_server import RayServer

    server, settings = council.server, council.settings
    if not isinstance(server, RayServer):
        return
    for name, reason in server.left_out.items():
        yield Check(name=f"host {name}", ok=False, detail=f"not used: {reason}")
    refusals = Refusals(council.registry, council.embedder, settings)
    fix = f"install the same there, then: metier cluster start-host {settings.cluster}"
    for expert in settings.remote_steps:
        if expert not in council.registry.cards:
            detail = "remote_steps names it, but no such expert is installed"
            yield Check(name=f"steps of {expert}", ok=False, detail=detail)
            continue
        for host, reason in refusals.of(expert, server).items():
            detail = f"not run on {host.name}: {reason}"
            yield Check(name=f"steps of {expert}", ok=False, detail=detail, fix=fix)


def _labels(council: Council) -> Iterator[Check]:
    """Experts whose cards name a label that no host has: they run anywhere."""
    from metier.models.opening import labels_of

    known = labels_of(council.server)
    for name, card in council.registry.cards.items():
        label = council.settings.runs_on.get(name) or card.runs_on
        if label and label not in known:
            detail = f"no host is labelled {label!r}, so it runs on any host"
            yield Check(name=f"host of {name}", ok=True, detail=detail)


def _models(council: Council) -> Iterator[Check]:
    from metier.cli.suggesting import suggestions
    from metier.experts.card import GENERAL

    if GENERAL not in council.registry.cards:
        detail = "there is none to answer what no other expert covers, and to compose results"
        yield Check(name="general expert", ok=False, detail=detail, fix="metier experts list")
    for each in run_async(partial(suggestions, council), closing=council.server):
        yield _model(each, council.registry.cards[each.expert].models)


def _model(found: Suggestion, wanted: Sequence[str]) -> Check:
    from metier.experts.model_choice import STARTER

    name = f"model of {found.expert}"
    if found.runs_on is None:
        better = found.better or (wanted[-1] if wanted else STARTER)
        fix = f"metier models pull {better}"
        return Check(name=name, ok=False, detail=found.problem, fix=fix)
    if found.better is None or found.installed:
        return Check(name=name, ok=True, detail=found.runs_on)
    stand_in = "" if found.runs_on in wanted else ", which its card does not name"
    detail = f"{found.runs_on}{stand_in}; {found.better} would be better and fits"
    return Check(name=name, ok=True, detail=detail, fix=f"metier models pull {found.better}")


def _prompts(council: Council) -> Iterator[Check]:
    """Whether the server keeps the experts' prompts, measured with a loaded model."""
    from metier.errors import MetierError

    settings = council.settings
    if settings.hosts or settings.cluster or not settings.resident_prompts:
        return

    async def measured() -> tuple[bool | None, int]:
        return await council.warming.are_kept(), await council.warming.slots_wanted()

    try:
        kept, slots = run_async(measured, closing=council.server)
    except MetierError as exc:
        yield Check(name="prompts", ok=True, detail=f"not measured: {exc.message}")
        return
    if kept is None:
        detail = "not measured: none of the experts' models is in memory"
        yield Check(name="prompts", ok=True, detail=detail, fix="metier models warm")
    elif kept:
        yield Check(name="prompts", ok=True, detail="the server keeps the experts' prompts")
    elif slots > 1:
        detail = "the server reads an expert's prompt again after another expert's"
        fix = f"OLLAMA_NUM_PARALLEL={slots} ollama serve"
        yield Check(name="prompts", ok=True, detail=detail, fix=fix)


def _embedder(council: Council, *, reachable: bool) -> Check:
    from metier.errors import MetierError
    from metier.models.vector_checks import embedded

    name = f"embedder {council.embedder.id}"
    if council.settings.embedder == "ollama" and not reachable:
        detail = "it needs the server"
        return Check(name=name, ok=False, detail=detail, fix="ollama serve")
    try:
        vectors = run_async(partial(embedded, council.embedder, ["test"]), closing=council.server)
    except MetierError as exc:
        fix = f"metier models pull {council.settings.embed_model}"
        return Check(name=name, ok=False, detail=exc.message, fix=fix)
    detail = f"{vectors.shape[1]} dimensions"
    if council.settings.embedder == "ollama" and (others := _other_weights(council)):
        fix = f"metier models pull {council.settings.embed_model} --host all"
        detail += f"; other weights on {others}, where it is not used"
        return Check(name=name, ok=False, detail=detail, fix=fix)
    return Check(name=name, ok=True, detail=detail)


def _other_weights(council: Council) -> str:
    """Hosts whose embedder would give other vectors than the one in use."""
    from metier.models.server import full_name

    name = f"{full_name(council.settings.embed_model)}@"
    listed = run_async(council.server.list, closing=council.server)
    return ", ".join(
        model.name.removeprefix(name) for model in listed if model.name.startswith(name)
    )


def _index(council: Council) -> Check:
    from metier.cli.index import current_state

    state = current_state(council)
    if state["fits"]:
        return Check(name="index", ok=True, detail=f"{state['vectors']} vectors, up to date")
    detail = "it does not match the cards" if state["vectors"] else "not built yet"
    return Check(name="index", ok=False, detail=detail, fix="metier index build")


def _calibration(council: Council) -> Iterator[Check]:
    """Whether the cards have examples to calibrate on."""
    from metier.planning.selecting import has_examples, teachers

    cards = council.registry.cards
    silent = [name for name, card in cards.items() if not has_examples(card)]
    if silent and not teachers(cards):
        detail = f"metier's default: no examples in {', '.join(silent[:5])}"
        more = f" and {len(silent) - 5} more" if len(silent) > 5 else ""
        yield Check(name="calibration", ok=True, detail=detail + more)


def _languages(council: Council) -> Iterator[Check]:
    """Whether the embedder knows the language of each expert's examples."""
    from metier.models.languages import in_english, reads_only_english

    foreign = list[str]()
    model = council.settings.embed_model
    for name, card in council.registry.cards.items():
        english = [in_english(text) for entry in card.capabilities for text in entry.examples]
        if english and 2 * sum(english) <= len(english):
            foreign.append(name)
    if foreign and reads_only_english(model):
        detail = f"{model} reads English only, unlike most examples of {', '.join(foreign)}"
        fix = "metier config set embed_model embeddinggemma"
        yield Check(name="languages", ok=False, detail=detail, fix=fix)


def _plugins(council: Council) -> Iterator[Check]:
    """Import every plugin's code, to find out which is broken."""
    from metier.errors import PluginBroken

    registry = council.registry
    for name, entry in registry.entries.items():
        if entry.code is None:
            continue
        try:
            registry.expert(name)
        except PluginBroken:
            continue
        yield Check(name=f"plugin {name}", ok=True, detail=entry.code.value)
    for broken in registry.broken:
        reinstall = f"pip install --force-reinstall {broken.origin.partition(':')[0]}"
        fix = f"fix {broken.origin}" if broken.origin.endswith(".toml") else reinstall
        yield Check(name=f"plugin {broken.name}", ok=False, detail=broken.error.message, fix=fix)


def _sandbox() -> Check:
    """The sandboxes that work: each has just run a program."""
    from metier.sandbox import Sandboxes

    works = run_async(Sandboxes().installed)
    if works:
        return Check(name="sandbox", ok=True, detail=", ".join(each.name for each in works))
    detail = "none works here: code is returned without being run"
    return Check(name="sandbox", ok=True, detail=detail, fix="pip install 'metier[sandbox]'")


def _merges(council: Council, *, reachable: bool) -> Iterator[Check]:
    """Merged models with their evaluations, and what a killed merge has left behind."""
    from metier.experts.model_choice import full_name
    from metier.merging.making import scratch_folder
    from metier.merging.report import kept

    listed = run_async(council.server.list, closing=council.server) if reachable else ()
    installed = {full_name(model.name) for model in listed}
    for report in kept(council.settings):
        if full_name(report.model) in installed:
            yield Check(name=f"merged model {report.model}", ok=True, detail=report.told)
    if left := sorted(scratch_folder(council.settings).glob("*")):
        size = sum(file.stat().st_size for each in left for file in each.rglob("*"))
        detail = f"{size >> 20} MB of a merge that is running or was killed"
        yield Check(name="merging", ok=False, detail=detail, fix=f"rm -r {left[0].parent}")


def _folders(settings: Settings) -> Iterator[Check]:
    from metier.settings import config_file

    for name, folder in (
        ("cache", settings.cache_dir),
        ("state", settings.state_dir),
        ("config", config_file().parent),
    ):
        existing = _existing(folder)
        ok = existing.is_dir() and os.access(existing, os.W_OK)
        mend = "chmod u+w" if existing.is_dir() else "in the way:"
        fix = "" if ok else f"{mend} {existing}"
        detail = f"{folder} {'can' if ok else 'cannot'} be written"
        yield Check(name=f"{name} folder", ok=ok, detail=detail, fix=fix)


def _existing(folder: Path) -> Path:
    return next(path for path in (folder, *folder.parents) if path.exists())


def _proxy(settings: Settings) -> Iterator[Check]:
    """metier itself bypasses a proxy for this machine; other Ollama programs may not."""
    from metier.models import local

    named = [name for name in ("http_proxy", "HTTP_PROXY", "all_proxy") if os.environ.get(name)]
    if named and local.is_local(settings.host):
        detail = f"{named[0]} is set; metier does not use it for {settings.host}"
        yield Check(name="proxy", ok=True, detail=detail)
