"""`secant sweep`: searches the options of `secant train` with many runs."""

import os
import subprocess
import sys
from contextlib import ExitStack
from importlib.util import find_spec
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer
from rich.markup import escape

from secant.cli.compilation_cache import use_compilation_cache
from secant.cli.console import command_errors, out, warn
from secant.cli.signals import (
    SignalPolicy,
    exit_code,
    signal_name,
    signal_policy,
    stop_requested,
)
from secant.cli.sweep_options import SweepOptions
from secant.errors import InvalidInput, not_installed
from secant.freed_memory import limit_pools
from secant.validation import Choice, validate

if TYPE_CHECKING:
    from secant.sweeps import Space, Sweep

CONTEXT_SETTINGS = {"ignore_unknown_options": True, "allow_extra_args": True}
"""Settings of the command, which passes unknown options to `secant train`."""

_MAX_TRIALS = 100_000

# The default share of validation samples, which choose the best trial. The test samples
# must not choose it, because they then could not judge it.
_VALIDATION_SPLIT = 0.1


@command_errors
def sweep(
    search: Annotated[
        list[str] | None,
        typer.Argument(
            metavar="NAME=LOW..HIGH | NAME=THIS,THAT …",
            help="The search space, by the names of `secant train`'s options: "
            "learning_rate=1e-3..1:log, hidden=20..200, optimizer=sgd,adam. All other "
            "options of `secant train` can also be given.",
            show_default=False,
        ),
    ] = None,
    trials: Annotated[
        int,
        typer.Option(
            min=1, max=_MAX_TRIALS, help="The number of trials of all workers together."
        ),
    ] = 50,
    objective: Annotated[
        str, typer.Option(help="The objective: accuracy or loss.")
    ] = "accuracy",
    pruner: Annotated[
        str,
        typer.Option(
            help="The rule that ends bad trials early: median, halving or none."
        ),
    ] = "median",
    search_seed: Annotated[
        int, typer.Option(min=0, max=2**31 - 1, help="The seed of the search.")
    ] = 0,
    storage: Annotated[
        str | None,
        typer.Option(
            metavar="URL",
            envvar="SECANT_STORAGE",
            show_envvar=True,
            help="A database for workers on several machines: "
            "postgresql://USER@HOST/DATABASE.",
            show_default="a file of SQLite in the sweep's folder",
        ),
    ] = None,
    study: Annotated[
        str | None,
        typer.Option(
            help="The study's name in the database.", show_default="from the search"
        ),
    ] = None,
    workers: Annotated[
        int,
        typer.Option(min=1, max=256, help="The number of processes on this machine."),
    ] = 1,
    out_folder: Annotated[
        Path | None,
        typer.Option(
            "--out",
            help="The sweep's folder.",
            show_default="sweeps/0001, sweeps/0002, …",
        ),
    ] = None,
    heartbeat: Annotated[
        int,
        typer.Option(
            min=1,
            max=3600,
            help="The seconds between a worker's signs of life; a worker that misses "
            "three is dead, and another repeats its trial.",
        ),
    ] = 20,
) -> None:
    """Search the options of `secant train` for the best run.

    The same command continues the same sweep: after Ctrl-C, in a second
    process, or on another machine with the same --storage. Each trial is a
    run in the sweep's folder.
    """
    missing = [name for name in ("optuna", "sqlalchemy") if not find_spec(name)]
    if storage and not find_spec("psycopg"):
        missing.append("psycopg")
    if missing:
        raise not_installed("the sweep", missing, "sweep")

    limit_pools()
    use_compilation_cache()

    from secant.cli.sweep_trials import OBJECTIVES, Trials, check_trials
    from secant.sweeps import parse

    options = SweepOptions(search or [])
    objective = validate("objective", objective, Choice(OBJECTIVES))
    space = parse(options.others, options.kinds)
    if both := sorted(options.fixed.keys() & space.keys()):
        raise InvalidInput(
            f"--{both[0].replace('_', '-')} is given and {both[0]}=… is searched: "
            "remove one of them"
        )
    if "validation_split" not in options.fixed.keys() | space.keys():
        options.fixed["validation_split"] = repr(_VALIDATION_SPLIT)

    from secant.sweeps.sampler import pruner as known_pruner

    known_pruner(pruner)
    with signal_policy(SignalPolicy.EXIT):
        first = check_trials(options, space)
        fixed = _identity(options, objective, first)
        folder, url, study = _location(space, fixed, storage, study, out_folder)

    from secant.cli.progress import SweepProgressBar
    from secant.sweeps import Sweep

    with signal_policy(SignalPolicy.DEFER), ExitStack() as ends:
        bar = SweepProgressBar(trials, OBJECTIVES[objective])
        ends.callback(bar.stop)
        the_sweep = Sweep(
            space,
            url,
            study,
            trials=trials,
            fixed=fixed,
            maximize=OBJECTIVES[objective],
            pruning=pruner,
            seed=search_seed,
            heartbeat=heartbeat,
            notify=warn,
            should_stop=stop_requested,
        )
        ends.callback(the_sweep.close)
        bar.begin(the_sweep, first.metadata.data_name, folder, study)
        other_workers = _start_workers(workers - 1, folder)
        try:
            the_sweep.run(
                Trials(options, objective, folder / "trials", bar.trial), bar.ended
            )
        except KeyboardInterrupt:
            pass
        finally:
            _wait(other_workers, folder)
        bar.stop()
        _report(the_sweep, options, folder, objective)
        missing_trials = the_sweep.missing()
    if stop_requested():
        warn(
            f"stopped by {signal_name()} with {trials - missing_trials:,} of "
            f"{trials:,} trials; "
            "to continue: the same command"
            + ("" if out_folder or storage else f" (it finds {folder} again)")
        )
        raise typer.Exit(exit_code())


def _identity(options: SweepOptions, objective: str, first: Any) -> dict[str, Any]:
    """The settings that all workers share, beside the search space."""
    from secant.training.samples import as_samples

    train, _ = as_samples(first.net.architecture, first.samples)
    return {
        "fixed": options.fixed,
        "objective": objective,
        "data": train.fingerprint,
    }


def _location(
    space: "Space",
    fixed: dict[str, Any],
    storage: str | None,
    study: str | None,
    out_folder: Path | None,
) -> tuple[Path, str, str]:
    """The sweep's folder, its database and the study's name there."""
    from secant.sweeps.folders import DATABASE, folder_of, name_of
    from secant.sweeps.space import description
    from secant.sweeps.storage import as_url, masked

    if storage:
        as_url(storage)
    identity: dict[str, Any] = {"space": description(space), **fixed}
    study = study or name_of(identity)
    identity["study"] = study
    identity["storage"] = masked(storage) if storage else DATABASE
    folder = folder_of(identity, out_folder)
    return folder, storage or f"sqlite:///{(folder / DATABASE).absolute()}", study


def _start_workers(count: int, folder: Path) -> "list[subprocess.Popen[bytes]]":
    """Starts processes of the same command, whose output goes into files."""
    command = [sys.executable, "-m", "secant", *sys.argv[1:]]
    command += ["--workers", "1", "--out", str(folder)]
    workers = []
    for number in range(2, count + 2):
        with (folder / f"worker-{number}.log").open("wb") as log:
            workers.append(
                subprocess.Popen(
                    command, stdin=subprocess.DEVNULL, stdout=log, stderr=log
                )
            )
    return workers


def _wait(workers: "list[subprocess.Popen[bytes]]", folder: Path) -> None:
    for number, worker in enumerate(workers, start=2):
        if stop_requested() or sys.exc_info()[0] is not None:
            worker.terminate()
        if worker.wait() and not stop_requested():
            warn(
                f"worker {number} ended with code {worker.returncode}: "
                f"see {folder / f'worker-{number}.log'}"
            )


def _report(
    the_sweep: "Sweep", options: SweepOptions, folder: Path, objective: str
) -> None:
    from secant.cli import sweep_report

    results = the_sweep.results()
    if not results:
        return
    sweep_report.write_report(results, the_sweep, folder, objective)
    out.print()
    out.print(sweep_report.table(results, the_sweep, objective))
    out.print()
    for line in sweep_report.best(results[0], options, objective):
        out.print(escape(line), soft_wrap=True)
    names = " and ".join(
        os.fspath(folder / name) for name in (sweep_report.TABLE, sweep_report.PICTURE)
    )
    out.print(f"all trials: {escape(names)}")
