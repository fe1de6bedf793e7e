"""`secant rerun`: repeats a run from its manifest and compares the two."""

from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer
from rich.markup import escape

from secant.cli.compilation_cache import use_compilation_cache
from secant.cli.console import command_errors, err, labelled_lines, out
from secant.cli.progress import ProgressBar
from secant.cli.signals import SignalPolicy, signal_policy
from secant.cli.train_task import load_task

if TYPE_CHECKING:
    from secant.training.manifest import Manifest

DIFFERENT = 1
"""The exit code if the repeated run differs."""


@command_errors
def rerun(
    run: Annotated[
        Path, typer.Argument(metavar="RUN", help="The folder that `secant train` made.")
    ],
    out_folder: Annotated[
        Path | None,
        typer.Option("--out", help="A new folder for the repeated run."),
    ] = None,
) -> None:
    """Repeat a run and compare the result with the first one.

    The repetition has the same first weights, data, batches, settings and
    number of steps. Exit code 0: the runs are equal, bit for bit. Exit code 1:
    they differ; the output lists differences in versions and device.
    """
    use_compilation_cache()
    from secant.training import Run
    from secant.training.loop import train
    from secant.training.run_comparison import compare_runs
    from secant.training.run_folder import reserve_run_folder

    before = Run.load(run)
    with signal_policy(SignalPolicy.EXIT):
        task, manifest = load_task(run)
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
    finally:
        if folder:
            folder.release()
    comparison = compare_runs(before, again)
    out.print()
    if comparison.same:
        out.print(
            f"the same, bit for bit: {len(again.losses):,} losses, "
            f"{again.net.architecture.parameter_count:,} weights"
        )
        return
    if comparison.first_difference is None:
        out.print("the losses are the same, and the weights differ")
    else:
        out.print(
            "[bold]not the same[/]: losses differ from step "
            f"{comparison.first_difference:,} on, by up to "
            f"{comparison.max_loss_difference:.2g}"
        )
    out.print(f"weights differ by up to {comparison.max_weight_difference:.2g}")
    out.print(escape(_environment_changes(manifest)))
    raise typer.Exit(DIFFERENT)


def _environment_changes(first: "Manifest") -> str:
    """The differences in versions and device since the first run."""
    from secant.training.manifest import current_device, current_versions

    now = current_versions()
    changed = [
        f"{name} {version} → {now.get(name)}"
        for name, version in first.versions.items()
        if now.get(name) != version
    ]
    if current_device() != first.device:
        changed.append(f"{first.device} → {current_device()}")
    if not changed:
        return "versions and device are equal; another number of cores can also differ"
    return "changes since the run: " + "; ".join(changed)
