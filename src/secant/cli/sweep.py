"""`secant sweep`: many runs of `secant train`, and which of them is the best."""

import os
import subprocess
import sys
from contextlib import ExitStack
from importlib.util import find_spec
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer
from rich.markup import escape

from secant.cli.console import command_errors, out, warn
from secant.cli.signals import (
    SignalPolicy,
    exit_code,
    signal_name,
    signal_policy,
    stop_requested,
)
from secant.cli.train_options import SweepOptions
from secant.errors import InvalidInput, not_installed
from secant.validation import Choice, validate

if TYPE_CHECKING:
    from secant.sweeps import Space, Sweep

SETTINGS = {"ignore_unknown_options": True, "allow_extra_args": True}
"""Of the command: what it does not know is for `secant train`."""

_MOST_TRIALS = 100_000

# Of the training samples, if nothing else is said: whoever chose among many runs by
# the test samples would not know any more how good the chosen one is.
_HELD_BACK = 0.1


@command_errors
def sweep(
    search: Annotated[
        list[str] | None,
        typer.Argument(
            metavar="NAME=LOW..HIGH | NAME=THIS,THAT …",
            help="What is searched, by the names of `secant train`'s options: "
            "learning_rate=1e-3..1:log, hidden=20..200, optimizer=sgd,adam. All other "
            "options of `secant train` can be given, too.",
            show_default=False,
        ),
    ] = None,
    trials: Annotated[
        int,
        typer.Option(
            min=1, max=_MOST_TRIALS, help="Settings to try, by all workers together."
        ),
    ] = 50,
    objective: Annotated[
        str, typer.Option(help="What is looked for: accuracy or loss.")
    ] = "accuracy",
    pruner: Annotated[
        str,
        typer.Option(help="Gives up bad trials on their way: median, halving or none."),
    ] = "median",
    search_seed: Annotated[
        int, typer.Option(min=0, max=2**31 - 1, help="Of what is tried.")
    ] = 0,
    storage: Annotated[
        str | None,
        typer.Option(
            metavar="URL",
            envvar="SECANT_STORAGE",
            show_envvar=True,
            help="A database that several machines work on: "
            "postgresql://USER@HOST/DATABASE.",
            show_default="a file of SQLite in the sweep's folder",
        ),
    ] = None,
    study: Annotated[
        str | None,
        typer.Option(
            help="The study's name there.", show_default="by what is searched"
        ),
    ] = None,
    workers: Annotated[
        int, typer.Option(min=1, max=256, help="Processes on this machine.")
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
            help="Seconds between a worker's signs of life; who misses three is dead, "
            "and its trial is tried again.",
        ),
    ] = 20,
) -> None:
    """Search the options of `secant train` for the best run.

    The same command goes on with the same sweep: after Ctrl-C, in a second process,
    on another machine with the same --storage. Trials are runs of their own, in the
    sweep's folder.
    """
    missing = [name for name in ("optuna", "sqlalchemy") if not find_spec(name)]
    if storage and not find_spec("psycopg"):
        missing.append("psycopg")
    if missing:
        raise not_installed("the sweep", missing, "sweep")

    from secant.cli.sweep_trials import OBJECTIVES, Trials, check_trials
    from secant.sweeps import parse

    options = SweepOptions(search or [])
    objective = validate("objective", objective, Choice(OBJECTIVES))
    space = parse(options.others, options.kinds)
    if both := sorted(options.fixed.keys() & space.keys()):
        raise InvalidInput(
            f"--{both[0].replace('_', '-')} is given and {both[0]}=… is searched: "
            "leave one of them out"
        )
    if "validation_split" not in options.fixed.keys() | space.keys():
        options.fixed["validation_split"] = repr(_HELD_BACK)

    from secant.sweeps.sampler import pruner as known_pruner

    known_pruner(pruner)
    with signal_policy(SignalPolicy.EXIT):
        first = check_trials(options, space)
        fixed = _identity(options, objective, first)
        folder, url, study = _place(space, fixed, storage, study, out_folder)

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
        helpers = _helpers(workers - 1, folder)
        try:
            the_sweep.run(
                Trials(options, objective, folder / "trials", bar.trial), bar.ended
            )
        except KeyboardInterrupt:
            pass
        finally:
            _wait(helpers, folder)
        bar.stop()
        _report(the_sweep, options, folder, objective)
        missing_ones = the_sweep.missing()
    if stop_requested():
        warn(
            f"stopped by {signal_name()} with {trials - missing_ones:,} of "
            f"{trials:,} trials; "
            "to go on: the same command"
            + ("" if out_folder or storage else f" (it finds {folder} again)")
        )
        raise typer.Exit(exit_code())


def _identity(options: SweepOptions, objective: str, first: Any) -> dict[str, Any]:
    """What all workers must agree on, besides the space."""
    from secant.training.samples import as_samples

    train, _ = as_samples(first.net.architecture, first.samples)
    return {
        "fixed": options.fixed,
        "objective": objective,
        "data": train.fingerprint,
    }


def _place(
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


def _helpers(count: int, folder: Path) -> "list[subprocess.Popen[bytes]]":
    """Other processes that give the same command; what they say goes into files."""
    command = [sys.executable, "-m", "secant", *sys.argv[1:]]
    command += ["--workers", "1", "--out", str(folder)]
    helpers = []
    for number in range(2, count + 2):
        with (folder / f"worker-{number}.log").open("wb") as log:
            helpers.append(
                subprocess.Popen(
                    command, stdin=subprocess.DEVNULL, stdout=log, stderr=log
                )
            )
    return helpers


def _wait(helpers: "list[subprocess.Popen[bytes]]", folder: Path) -> None:
    for number, helper in enumerate(helpers, start=2):
        if stop_requested() or sys.exc_info()[0] is not None:
            helper.terminate()
        if helper.wait() and not stop_requested():
            warn(
                f"worker {number} ended with code {helper.returncode}: "
                f"{folder / f'worker-{number}.log'} says why"
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
