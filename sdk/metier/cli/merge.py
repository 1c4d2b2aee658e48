"""`metier merge`."""

from __future__ import annotations

import signal
import sys
from functools import partial
from itertools import zip_longest
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from metier.cli.session import (
    FAILED,
    ensure_server,
    errors_for_people,
    load_settings,
    run_async,
)

if TYPE_CHECKING:
    from collections.abc import Iterator

    from metier.errors import MetierError
    from metier.merging.acceptance import Exercise
    from metier.merging.making import Wanted
    from metier.merging.method import Parameter
    from metier.merging.recipe import Recipe
    from metier.merging.report import MergeReport

_EPILOG = """\b
Examples:
  metier merge qwen2.5-coder:1.5b mine.gguf --method slerp --t 0.3 -o blend
  metier merge a b --base base --weight 0.5 --weight 0.5 -o both --evaluate code
  metier merge qwen2.5:1.5b+law.gguf --method passthrough -o lawyer
  metier merge --recipe recipe.toml -o blend.gguf --quantize f16
  metier merge --recipe law.toml -o law --recipe code.toml -o coder --cluster 10.0.0.5:6379
"""

_TYPES = ("q8_0", "f16", "bf16", "f32", "q5_1", "q5_0", "q4_1", "q4_0", "q4_k_m", "q4_k_s")


class _Merge(click.Command):
    """Adds an option for every parameter of the methods, which are imported only when needed."""

    def get_params(self, ctx: click.Context) -> list[click.Parameter]:
        """Return the options of the function, those of the methods, and --help."""
        *own, help_option = super().get_params(ctx)
        return [*own, *_method_options(), help_option]

    def format_epilog(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        """List the methods, then the examples."""
        from metier.merging.methods import METHODS

        with formatter.section("Methods"):
            formatter.write_dl(
                [(m.name, f"{m.makes} ({', '.join(m.names)})") for m in METHODS.values()]
            )
        super().format_epilog(ctx, formatter)


def _method_options() -> Iterator[click.Option]:
    from metier.merging.methods import METHODS

    yield click.Option(
        ["--method"],
        type=click.Choice(list(METHODS)),
        metavar="METHOD",
        help="One of the methods below; default: task_arithmetic with a base, otherwise slerp for "
        "two models and linear for more.",
    )
    parameters = {each.name: each for method in METHODS.values() for each in method.parameters}
    yield from map(_option, parameters.values())


def _option(parameter: Parameter[Any]) -> click.Option:
    flag = "--" + parameter.name.replace("_", "-")
    names = [f"{flag}/--no-{flag[2:]}" if parameter.kind == "flag" else flag, parameter.name]
    types: dict[str, Any] = {
        "per model": float,
        "number": float,
        "choice": click.Choice(parameter.choices),
        "whole": click.IntRange(0),
    }
    return click.Option(
        names,
        type=types.get(parameter.kind),
        multiple=parameter.per_model,
        default=None,
        help=parameter.help,
    )


@click.command(cls=_Merge, epilog=_EPILOG)
@click.argument("models", nargs=-1)
@click.option(
    "-o",
    "--output",
    "names",
    multiple=True,
    metavar="NAME",
    help="New Ollama model, or a file NAME.gguf. Once for each recipe.",
)
@click.option(
    "--recipe",
    "recipes",
    type=click.Path(path_type=Path),
    multiple=True,
    metavar="FILE",
    help="TOML, or mergekit's YAML. Repeatable with --cluster.",
)
@click.option("--cluster", metavar="ADDRESS", help="Ray cluster whose nodes run the merges.")
@click.option("--base", metavar="MODEL", help="Model that the others were fine-tuned from.")
@click.option(
    "--quantize",
    type=click.Choice(_TYPES, case_sensitive=False),
    default="q8_0",
    show_default=True,
    help="Number type of the result.",
)
@click.option(
    "--evaluate",
    metavar="FILE|DOMAIN",
    help="Keep the result only if it answers these questions as well as its best parent.",
)
@click.option(
    "--margin",
    type=click.FloatRange(0, 100),
    default=2.0,
    show_default=True,
    help="How many points worse it may be.",
)
@click.option("--threads", type=click.IntRange(1), help="Threads; default: one for each core.")
@click.option("--replace", is_flag=True, help="Replace a model or file of that name.")
@click.option("--check", is_flag=True, help="Only check the models, and describe the result.")
@click.option("--json", "as_json", is_flag=True, help="Print one JSON object.")
def merge(**given: Any) -> None:  # noqa: ANN401  # click's values, one for each option above
    """Merge the weights of models into a new one, without torch.

    MODELS are Ollama models, GGUF files, or folders with safetensors; MODEL+ADAPTER adds a LoRA
    adapter in GGUF to one. Merging is not training: only models fine-tuned from one base can be
    merged, and the result may be better or worse than they are.
    Give --weight, --density and other numbers per model once for all models, or once for each.
    """
    as_json, check, cluster = (given.pop(each) for each in ("as_json", "check", "cluster"))
    with errors_for_people(as_json=as_json):
        if cluster is not None:
            _on_cluster(cluster, check=check, as_json=as_json, **given)
            return
        (wanted, *more) = _each_wanted(**given)
        if more:
            raise _several_here()
        report = run_async(partial(_run, wanted, check=check))
        if report is None:
            return
        _show(report, as_json=as_json)
        if not report.kept:
            sys.exit(FAILED)


def _on_cluster(
    address: str,
    *,
    check: bool,
    as_json: bool,
    evaluate: str | None,
    **given: Any,  # noqa: ANN401  # of each merge
) -> None:
    from metier.cli.merge_cluster import merge_on_nodes
    from metier.errors import InvalidInput
    from metier.merging.node_jobs import MergeJob

    if check:
        raise InvalidInput(
            "--check looks at the models of this machine", hint="Leave out --cluster or --check"
        )
    every = _each_wanted(evaluate=None, **given)
    jobs = [MergeJob.of(each, evaluate=evaluate or "") for each in every]
    if not merge_on_nodes(jobs, address, as_json=as_json):
        sys.exit(FAILED)


def _several_here() -> MetierError:
    from metier.errors import InvalidInput

    return InvalidInput(
        "several recipes can only be merged on a cluster",
        hint="Name it (--cluster ADDRESS), or merge them one after the other",
    )


def _each_wanted(
    *,
    recipes: tuple[Path, ...],
    names: tuple[str, ...],
    **given: Any,  # noqa: ANN401  # the same for each
) -> list[Wanted]:
    from metier.errors import InvalidInput

    if len(names) > 1 and len(names) != len(recipes):
        raise InvalidInput(
            f"there are {len(recipes)} recipes and {len(names)} names",
            hint="Give -o once for each --recipe, in the same order",
        )
    if doubled := next((name for name in names if names.count(name) > 1), None):
        raise InvalidInput(f"two results are called {doubled!r}", hint="Give each its own name")
    pairs = zip_longest(recipes or (None,), names)
    return [_wanted(recipe=recipe, name=name, **given) for recipe, name in pairs]


def _wanted(
    *,
    models: tuple[str, ...],
    recipe: Path | None,
    name: str | None,
    quantize: str,
    evaluate: str | None,
    margin: float,
    threads: int | None,
    replace: bool,
    **fields: Any,  # noqa: ANN401  # of the recipe
) -> Wanted:
    from metier.errors import InvalidInput
    from metier.merging.making import Wanted, type_named
    from metier.merging.recipe import read_recipe

    if name is None:
        raise InvalidInput(
            "the result has no name", hint="Give one: -o my-model, or a file: -o my-model.gguf"
        )
    given = {key: value for key, value in fields.items() if value not in (None, ())}
    if recipe is not None and (models or given):
        raise InvalidInput(
            f"{recipe} already says what to merge and how", hint="Leave out models and options"
        )
    return Wanted(
        recipe=read_recipe(recipe) if recipe else _of_options(models, given),
        name=name,
        kind=type_named(quantize),
        threads=threads,
        replace=replace,
        exercises=_exercises(evaluate) if evaluate else None,
        margin=margin / 100,
    )


def _exercises(evaluate: str) -> list[Exercise]:
    from metier.merging.exercises import exercises

    return exercises(evaluate, load_settings())


def _of_options(models: tuple[str, ...], given: dict[str, Any]) -> Recipe:
    from metier.errors import InvalidInput
    from metier.merging.recipe import checked

    if not models:
        raise InvalidInput(
            "there are no models to merge", hint="Try: metier merge A B -o NAME, or --recipe FILE"
        )
    own: list[dict[str, Any]] = [{"model": each} for each in models]
    fields: dict[str, Any] = {}
    for name, value in given.items():
        match value:
            case (one,):
                fields[name] = one
            case tuple() if len(value) == len(models):
                for each, number in zip(own, value, strict=True):
                    each[name] = number
            case tuple():
                raise InvalidInput(
                    f"there are {len(models)} models, but --{name} is given {len(value)} times",
                    hint=f"Give --{name} once for all models, or once for each",
                )
            case _:
                fields[name] = value
    without_base = "slerp" if len(models) == 2 else "linear"
    method = "task_arithmetic" if "base" in given else without_base
    return checked({"method": method, **fields, "models": own})


async def _run(wanted: Wanted, *, check: bool) -> MergeReport | None:
    from metier.cli.merge_reports import plan_report
    from metier.cli.pulling import Bar
    from metier.merging.making import Maker
    from metier.merging.store import Store

    # Treat SIGTERM like Ctrl-C, so that no partial result remains.
    signal.signal(signal.SIGTERM, signal.getsignal(signal.SIGINT))
    settings = load_settings()
    if _needs_server(wanted):
        ensure_server(settings)
    async with Store(settings) as store:
        with Bar(wanted.name) as bar:
            maker = Maker(settings, store, report=bar.show)
            async with maker.planned(wanted) as plan:
                bar.hide()
                click.echo(plan_report(plan, wanted), err=not check)
                return None if check else await maker.make(wanted, plan)


def _needs_server(wanted: Wanted) -> bool:
    """Whether Ollama is needed: files can be merged into a file without it."""
    from metier.merging.parents import parts

    every = [part for parent in wanted.recipe.parents for part in parts(parent)]
    files = all(Path(each).expanduser().is_file() for each in every)
    return not files or wanted.file is None or wanted.exercises is not None


def _show(report: MergeReport, *, as_json: bool) -> None:
    from metier.cli.merge_reports import merge_report
    from metier.cli.text import as_json as dumped
    from metier.merging.report import report_file

    if as_json:
        body = report.model_dump(mode="json", by_alias=True)
        click.echo(dumped({**body, "kept": report.kept}))
        return
    click.echo(merge_report(report, file=report_file(load_settings(), report)), err=True)
    if report.kept:
        click.echo(report.model)
