"""`secant predict`: the digits in pictures."""

import json
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer
from rich.markup import escape
from rich.text import Text

from secant.cli.console import (
    BAD_INPUT,
    command_errors,
    fail,
    out,
    plain_table,
    print_error,
)
from secant.cli.train_task import BestNetwork
from secant.errors import SecantError

if TYPE_CHECKING:
    import numpy as np


@command_errors
def predict(
    run: Annotated[Path, typer.Argument(metavar="RUN", help="The folder of a run.")],
    images: Annotated[
        list[Path],
        typer.Argument(
            metavar="IMAGE", help="Pictures of a digit: PNG, JPEG …, any size."
        ),
    ],
    best: BestNetwork = False,
    show: Annotated[
        bool,
        typer.Option("--show", help="Print each digit as the network gets it."),
    ] = False,
    as_json: Annotated[
        bool, typer.Option("--json", help="Print JSON, a line for each picture.")
    ] = False,
) -> None:
    """Read the digits in pictures with a trained network.

    Each picture is converted to MNIST's form: light ink on dark, cropped, scaled to
    20 × 20, centred by its mass in 28 × 28.
    """
    from secant.data.digit_images import read_digit
    from secant.nn.losses import LOSSES
    from secant.training import Run

    net = Run.load(run, best=best).net
    if net.architecture.sizes[0] != 784:
        fail(
            f"{run} was trained on samples of {net.architecture.sizes[0]} numbers, and "
            "a picture has 28 × 28 = 784: pass a run on MNIST"
        )
    if net.architecture.sizes[-1] < 2:
        fail(f"{run} has only one class: pass a run on several digits")
    head = "probability" if LOSSES[net.architecture.loss].probabilities else "output"
    table = plain_table("picture", "digit", head, "else", "", right=(1, 2, 3, 4))
    answers: list[dict[str, Any]] = []
    failed = False
    for image in images:
        try:
            digit = read_digit(image)
        except (SecantError, OSError) as error:
            print_error(str(error))
            failed = True
            continue
        outputs = net.predict(digit)
        first, second = (int(i) for i in outputs.argsort()[::-1][:2])
        answers.append(
            {
                "picture": str(image),
                "digit": first,
                head: float(outputs[first]),
                "outputs": [float(y) for y in outputs],
            }
        )
        table.add_row(
            escape(str(image)),
            f"[bold]{first}[/]",
            _number(outputs[first], head),
            str(second),
            _number(outputs[second], head),
        )
        if show and not as_json:
            out.print(_as_text(digit))
    if as_json:
        for answer in answers:
            out.out(json.dumps(answer), highlight=False)
    elif answers:
        out.print(table)
    if failed:
        raise typer.Exit(BAD_INPUT)


def _number(value: float, head: str) -> str:
    return f"{value:.1%}" if head == "probability" else f"{value:.2f}"


def _as_text(digit: "np.ndarray") -> Text:
    """The 28 × 28 pixels as text, two per character: `▀` has the upper one's colour.

    Without colours, pixels lighter than middle grey are ink.
    """
    text = Text()
    colours = out.color_system is not None and not out.no_color
    for above, below in digit.reshape(14, 2, 28):
        text.append("  ")
        for pair in zip(above, below, strict=True):
            if colours:
                upper, lower = (
                    f"rgb({g},{g},{g})" for g in (round(255 * p) for p in pair)
                )
                text.append("▀", f"{upper} on {lower}")
            else:
                upper, lower = (p >= 0.5 for p in pair)
                text.append(" ▄▀█"[2 * upper + lower])
        text.append("\n")
    return text
