"""`secant export`: export of a run's network to other programs."""

from pathlib import Path
from typing import Annotated

import typer
from rich.markup import escape

from secant.cli.console import command_errors, fail, out, warn
from secant.cli.train_task import BestNetwork


@command_errors
def export(
    run: Annotated[Path, typer.Argument(metavar="RUN", help="The folder of a run.")],
    model: Annotated[
        Path | None,
        typer.Argument(metavar="MODEL.onnx", help="A new file, for ONNX."),
    ] = None,
    torch: Annotated[
        Path | None,
        typer.Option(metavar="FILE.safetensors", help="A new file, for PyTorch."),
    ] = None,
    keras: Annotated[
        Path | None, typer.Option(metavar="FILE.npz", help="A new file, for Keras.")
    ] = None,
    best: BestNetwork = False,
    classes: Annotated[
        str | None,
        typer.Option(
            help='Names for ONNX\'s metadata: "cat,dog".', show_default="0,1…"
        ),
    ] = None,
) -> None:
    """Write a run's network as ONNX, or its weights for PyTorch or Keras.

    ONNX needs the extra "export". If onnxruntime is installed, it verifies the model
    before the file is written.
    """
    if not (model or torch or keras):
        fail(
            "there is nothing to write: name a file, as in  "
            f"secant export {run} model.onnx  or --torch model.safetensors"
        )
    if classes is not None and not model:
        fail("--classes is for ONNX, whose metadata holds them: name a model.onnx")

    from secant.export import write_keras, write_onnx, write_torch
    from secant.export.files import new_file
    from secant.export.names import Framework, function_names
    from secant.training import Run

    # Everything that can be refused is checked before anything is written.
    files: tuple[tuple[Path | None, str, Framework], ...] = (
        (model, ".onnx", "onnx"),
        (torch, ".safetensors", "torch"),
        (keras, ".npz", "keras"),
    )
    for file, suffix, _ in files:
        if file:
            new_file(file, suffix)
    trained = Run.load(run, best=best)
    for file, _, program in files:
        if file:
            function_names(trained.net.architecture, program)
    if model:
        names = [name.strip() for name in classes.split(",")] if classes else None
        difference = write_onnx(trained, model, names)
        _report_onnx(model, difference, trained.net.architecture.sizes[0])
    for file, write in ((torch, write_torch), (keras, write_keras)):
        if file:
            lines = write(trained.net, file)
            out.print(f"wrote [bold]{escape(str(file))}[/]; these lines load it:\n")
            out.print(escape(lines) + "\n", soft_wrap=True)


def _report_onnx(model: Path, difference: float | None, inputs: int) -> None:
    out.print(f"wrote [bold]{escape(str(model))}[/]")
    if difference is None:
        warn(
            "it is not verified, since onnxruntime is not installed: write  "
            "pip install onnxruntime"
        )
        return
    samples = "1,000 of MNIST's digits" if inputs == 784 else "1,000 random samples"
    out.print(
        f"onnxruntime's outputs equal Secant's to {difference:.1e} on {samples} "
        "(the largest difference)"
    )
