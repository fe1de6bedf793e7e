"""`secant rerun`: a run done again from its manifest, and whether it is the same."""

from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer
from rich.markup import escape

from secant.cli.console import command_errors, err, labelled_lines, out
from secant.cli.progress import ProgressBar
from secant.cli.signals import SignalPolicy, signal_policy
from secant.cli.train_task import task_of

if TYPE_CHECKING:
    from secant.training.manifest import Manifest

DIFFERENT = 1
"""The exit code of a run that came out otherwise."""


@command_errors
def rerun(
    run: Annotated[
        Path, typer.Argument(metavar="RUN", help="The folder that `secant train` made.")
    ],
    out_folder: Annotated[
        Path | None,
        typer.Option(
            "--out", help="A new folder, to keep the run that is done again, too."
        ),
    ] = None,
) -> None:
    """Do a run again and say whether it comes out the same.

    The same weights to start from, data, batches and settings, for as many
    steps as it took. Exit code 0: the same, bit for bit; 1: it came out
    otherwise, and what differs here from there is named.
    """
    from secant.training import Run
    from secant.training.fit import train
    from secant.training.run_comparison import compare_runs
    from secant.training.run_folder import release_run_folder, reserve_run_folder

    before = Run.load(run)
    with signal_policy(SignalPolicy.EXIT):
        task, manifest = task_of(run)
    config = replace(task.config, iterations=len(before.losses))
    folder = reserve_run_folder(out_folder) if out_folder else None
    err.print(
        labelled_lines(data=task.metadata.data_name, network=repr(task.net).strip("<>"))
    )
    try:
        with (
            signal_policy(SignalPolicy.RAISE),
            ProgressBar(config.iterations) as bar,
        ):
            again = train(
                task.net,
                task.samples,
                config,
                callbacks=[bar],
                metadata=replace(task.metadata, origin=manifest.origin),
                folder=folder,
            )
    except BaseException:
        if folder:
            release_run_folder(folder)
        raise
    found = compare_runs(before, again)
    out.print()
    if found.same:
        out.print(
            f"the same, bit for bit: {len(again.losses):,} losses, "
            f"{again.net.architecture.parameter_count:,} weights"
        )
        return
    if found.first_difference is None:
        out.print("the losses are the same, and the weights differ")
    else:
        out.print(
            "[bold]not the same[/]: losses differ from step "
            f"{found.first_difference:,} on, by up to {found.max_loss_difference:.2g}"
        )
    out.print(f"weights differ by up to {found.max_weight_difference:.2g}")
    out.print(escape(_circumstances(manifest)))
    raise typer.Exit(DIFFERENT)


def _circumstances(then: "Manifest") -> str:
    """What differs between there and here."""
    from secant.training.manifest import current_device, current_versions

    now = current_versions()
    changed = [
        f"{name} {version} → {now.get(name)}"
        for name, version in then.versions.items()
        if now.get(name) != version
    ]
    if current_device() != then.device:
        changed.append(f"{then.device} → {current_device()}")
    if not changed:
        return "versions and device are the same: another number of cores rounds, too"
    return "then and now: " + "; ".join(changed)
