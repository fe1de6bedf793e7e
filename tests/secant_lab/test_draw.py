"""The room where one draws: the form, the reading, what it rests on, and the runs."""

import json
import shutil
from itertools import pairwise
from threading import Event, Thread

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from PIL import Image
from typer.testing import CliRunner

from secant import MLP, Run, RunMetadata, TwoLayerNet, fit, load_mnist_sample
from secant.cli.app import app as command
from secant.data.digit_images import read_digit, to_mnist_form
from secant.errors import InvalidInput
from secant.history import History
from secant.nn.architecture import Architecture
from secant.training.config import TrainConfig
from secant_lab import runs, strokes
from secant_lab.attribution import pixel_effects, strongest_regions, unit_effects
from secant_lab.background_training import BackgroundTraining
from secant_lab.localized_error import LocalizedError
from secant_lab.rooms import draw

HISTORY = History(np.array([2.3]), ())
SETTINGS = TrainConfig.build(iterations=0)


def point(x, y):
    return np.base_repr(x, 36).lower().zfill(2) + np.base_repr(y, 36).lower().zfill(2)


def line(*points):
    return "".join(point(*p) for p in points)


SEVEN = line((250, 250), (720, 250), (480, 800))
FOUR = line((430, 150), (260, 520), (760, 520)) + "." + line((620, 180), (560, 850))


@pytest.fixture(scope="session")
def trained():
    """A network that has learned a little, as a run."""
    return fit(
        TwoLayerNet(784, 12, 10), load_mnist_sample(), "backprop", iterations=300,
        learning_rate=0.5, metadata=RunMetadata("digits of a test"),
    )  # fmt: skip


@pytest.fixture(scope="session")
def saved(trained, tmp_path_factory):
    return trained.save(tmp_path_factory.mktemp("saved") / "run")


@pytest.fixture
def place(tmp_path, monkeypatch):
    """Where `secant lab` was started."""
    monkeypatch.chdir(tmp_path)
    (tmp_path / "runs").mkdir()
    return tmp_path


@pytest.fixture
def kept(place, saved):
    shutil.copytree(saved, place / "runs" / "0001")
    return "0001"


# Drawings


def test_strokes_are_read_as_they_are_written():
    found = strokes.parse_strokes(FOUR)
    assert [s.tolist() for s in found] == [
        [[430, 150], [260, 520], [760, 520]],
        [[620, 180], [560, 850]],
    ]


@pytest.mark.parametrize(
    "text",
    [
        "abc", "abcde", "....", "dw5k.", ".dw5k", "dw5k..dw5k", "DW5K", "dw5k dw5k",
        "zzzz", line((1000, 1000)) + point(1001, 0), "-1-1", "+1+1", "1_11", "\n0000",
        "0000\n", "٣٣٣٣", "<svg>", "%2e%2e", line((1, 1)) * 1501,
    ],
)  # fmt: skip
def test_an_invalid_drawing_is_reported(text):
    with pytest.raises(LocalizedError, match="not a list of strokes") as caught:
        strokes.parse_strokes(text)
    assert caught.value.code == "drawing"


def test_a_drawing_that_is_too_long_is_reported():
    with pytest.raises(LocalizedError, match="more than the limit of 7,500"):
        strokes.parse_strokes("0" * 7501)
    assert sum(map(len, strokes.parse_strokes(line((1, 1)) * 1500))) == 1500


@given(st.text(alphabet="0123456789abcrsz.-_ ٣", max_size=60))
def test_any_text_is_a_valid_drawing_or_an_error(text):
    try:
        found = strokes.parse_strokes(text)
    except LocalizedError:
        return
    assert bool(found) == bool(text)
    for stroke in found:
        assert stroke.shape[1] == 2
        assert 0 <= stroke.min() <= stroke.max() <= strokes.GRID


def test_pixels_within_half_a_pen_of_the_strokes_have_ink():
    """The oracle: the distance of each pixel's centre from each line."""
    places = strokes.parse_strokes(FOUR)
    ink = strokes.rasterize(places)
    middle = (np.arange(160) + 0.5 - strokes.MARGIN) * strokes.GRID / strokes.SIDE
    at = np.stack(np.meshgrid(middle, middle), -1)
    nearest = np.full((160, 160), np.inf)
    for stroke in places:
        for start, end in pairwise(stroke):
            along = end - start
            part = np.clip((at - start) @ along / (along @ along), 0, 1)
            gap = np.linalg.norm(at - start - part[..., None] * along, axis=-1)
            nearest = np.minimum(nearest, gap)
    pixel = strokes.GRID / strokes.SIDE
    inside = nearest < strokes.PEN_WIDTH / 2 - pixel
    outside = nearest > strokes.PEN_WIDTH / 2 + pixel
    assert inside.sum() > 1000
    assert (ink[inside] == 1).all()
    assert (ink[outside] == 0).all()


def test_a_test_digit_lies_below_the_strokes():
    _, (x, _) = load_mnist_sample()
    below = x[3].reshape(28, 28)
    ink = strokes.rasterize([], below)
    assert (ink[10:-10:5, 10:-10:5] == below).all()
    both = strokes.rasterize(strokes.parse_strokes(SEVEN), below)
    assert (
        both == np.maximum(ink, strokes.rasterize(strokes.parse_strokes(SEVEN)))
    ).all()


@pytest.mark.parametrize(
    ("drawing", "said"),
    [
        ("", ["empty"]),
        (SEVEN, []),
        (line((500, 500)), ["small"]),
        (line((450, 450), (550, 600)), ["small"]),
        (line((500, 0), (500, 700)), ["edge"]),
        (line((0, 0)), ["small", "edge"]),
        (line((200, 500), (970, 500)), ["edge"]),
    ],
)
def test_notes_about_a_drawing(drawing, said):
    assert (
        strokes.drawing_notes(strokes.rasterize(strokes.parse_strokes(drawing))) == said
    )


@pytest.mark.parametrize("where", [(0, 0), (1000, 0), (0, 1000), (1000, 1000)])
def test_at_the_edge_nothing_of_the_pen_is_lost(where):
    corner = strokes.rasterize(strokes.parse_strokes(line(where)))
    middle = strokes.rasterize(strokes.parse_strokes(line((500, 500))))
    assert corner.sum() == pytest.approx(middle.sum(), rel=0.02)


# The form


def test_the_form_is_that_of_secant_predict(kept, tmp_path):
    """The same drawing on a picture file, as a scanner has it, is read the same."""
    ink = strokes.rasterize(strokes.parse_strokes(FOUR))
    Image.fromarray(np.rint(255 * (1 - ink)).astype(np.uint8)).save("four.png")
    seen = draw.read(FOUR, run=kept)
    off = np.abs(np.array(seen["form"]) - 255 * read_digit("four.png"))
    assert off.max() <= 0.5 + 1e-3
    said = CliRunner().invoke(command, ["predict", "runs/0001", "four.png", "--json"])
    predicted = json.loads(said.stdout)
    assert seen["reading"]["digit"] == predicted["digit"]
    assert seen["reading"]["outputs"] == pytest.approx(predicted["outputs"], abs=1e-5)


def test_the_form_is_inverted_fitted_and_centred(kept):
    form = np.array(draw.read(FOUR, run=kept)["form"]).reshape(28, 28)
    rows, columns = np.nonzero(form > 51)
    assert max(np.ptp(rows), np.ptp(columns)) + 1 == 20
    y, x = np.indices((28, 28))
    centre = (form * y).sum() / form.sum(), (form * x).sum() / form.sum()
    assert centre == pytest.approx((14, 14), abs=0.51)


@pytest.mark.parametrize("by", [(-120, -60), (0, 140), (150, 100)])
def test_where_on_the_paper_a_digit_is_does_not_matter(by):
    moved = [np.clip(s + by, 0, 1000) for s in strokes.parse_strokes(SEVEN)]
    here, there = (
        to_mnist_form(strokes.rasterize(d))
        for d in (strokes.parse_strokes(SEVEN), moved)
    )
    # Up to a fraction of one of the 28 pixels.
    assert np.abs(here - there).mean() < 0.02


def test_a_test_digit_is_shown_unchanged(trained):
    _, (x, t) = load_mnist_sample()
    forms = np.stack(
        [to_mnist_form(strokes.rasterize([], d.reshape(28, 28))) for d in x[:200]]
    )
    read, stored = (trained.net.predict(d).argmax(1) for d in (forms, x[:200]))
    assert np.mean(read == stored) >= 0.97
    assert (read == t[:200]).mean() == pytest.approx(
        (stored == t[:200]).mean(), abs=0.03
    )


# What a reading rests on

NETWORKS = {
    "no hidden layer": MLP((784, 10), init="xavier", seed=1),
    "sigmoid": MLP((784, 20, 10), init="xavier", seed=2),
    "without bias": MLP((784, 20, 4), "tanh", bias=False, init="xavier", seed=3),
    "deep": MLP((784, 30, 20, 10), "relu", init="he", seed=4),
    "sums": MLP((784, 20, 10), "tanh", "sum_squares", init="xavier", seed=5),
}


@pytest.fixture(scope="module")
def digit():
    return to_mnist_form(strokes.rasterize(strokes.parse_strokes(FOUR))).astype(
        np.float64
    )


def gap_of(net, x, a, b):
    scores = net.scores(x)
    return scores[..., a] - scores[..., b]


@pytest.mark.parametrize("name", NETWORKS)
def test_the_effect_of_a_pixel_is_the_change_without_it(name, digit):
    """The slow way: each pixel put to background, subtracted in float64."""
    net = NETWORKS[name]
    without = np.tile(digit, (784, 1))
    np.fill_diagonal(without, 0)
    slowly = gap_of(net, digit, 1, 2) - gap_of(net, without, 1, 2)
    found = pixel_effects(net.architecture, net.params, digit, 1, 2)
    assert np.allclose(found, slowly, rtol=2e-4, atol=2e-6 * np.abs(slowly).max())
    assert np.abs(found).max() > 0.01
    assert (found[digit == 0] == 0).all()


def test_small_effects_keep_their_digits(digit):
    """Subtracted in float32 they would be rounding errors alone."""
    net = MLP((784, 20, 10), init="xavier", seed=2)
    net.params["b1"][...] = np.linspace(-2, 2, 20)
    faint = digit * 1e-7
    found = pixel_effects(net.architecture, net.params, faint, 3, 4)
    slope = net.params["W1"] @ (
        (y := net.architecture.layers(net.params, faint)[1])
        * (1 - y)
        * (net.params["W2"][:, 3] - net.params["W2"][:, 4])
    )
    inked = digit > 0
    assert np.allclose(found[inked], (slope * faint)[inked], rtol=1e-3, atol=1e-12)
    plain = np.tile(faint, (784, 1)).astype(np.float32)
    np.fill_diagonal(plain, 0)
    params = {k: v.astype(np.float32) for k, v in net.params.items()}
    scores = net.architecture.scores(params, plain)
    whole = net.architecture.scores(params, faint.astype(np.float32))
    lost = (whole[3] - whole[4]) - (scores[:, 3] - scores[:, 4])
    assert not np.allclose(lost[inked], (slope * faint)[inked], rtol=0.5, atol=0)


@pytest.mark.parametrize("name", NETWORKS)
def test_the_effect_of_a_unit_is_the_change_without_its_input(name, digit):
    net = NETWORKS[name]
    found = unit_effects(net.architecture, net.params, digit, 1, 2)
    layers = net.architecture.layers(net.params, np.stack([digit, 0 * digit]))
    if net.architecture.depth == 1:
        assert found.shape == (0,)
        return
    said, silent = layers[1]
    slowly = []
    for unit in range(len(said)):
        changed = said.copy()
        changed[unit] = silent[unit]
        slowly.append(above(net, said) - above(net, changed))
    assert np.allclose(found, slowly, rtol=2e-4, atol=2e-6 * np.abs(slowly).max())


def above(net, hidden):
    """The difference of the scores of classes 1 and 2, written out."""
    params, depth = net.params, net.architecture.depth
    activate = {"relu": lambda a: np.maximum(a, 0), "tanh": np.tanh, "sigmoid": None}
    for layer in range(2, depth + 1):
        hidden = hidden @ params[f"W{layer}"] + params.get(f"b{layer}", 0)
        if layer < depth:
            hidden = activate[net.architecture.activation](hidden)
    return hidden[1] - hidden[2]


@pytest.mark.parametrize("name", ["sigmoid", "without bias", "sums"])
def test_with_one_hidden_layer_the_units_effects_add_up(name, digit):
    net = NETWORKS[name]
    both = gap_of(net, np.stack([digit, 0 * digit]), 1, 2)
    found = unit_effects(net.architecture, net.params, digit, 1, 2)
    assert found.sum() == pytest.approx(both[0] - both[1], rel=1e-4)


def test_without_a_hidden_layer_the_pixels_effects_add_up(digit):
    net = NETWORKS["no hidden layer"]
    both = gap_of(net, np.stack([digit, 0 * digit]), 1, 2)
    found = pixel_effects(net.architecture, net.params, digit, 1, 2)
    assert found.sum() == pytest.approx(both[0] - both[1], rel=1e-4)


def test_the_loudest_places_lie_on_the_ink():
    ink = np.zeros((28, 28))
    ink[4:24, 10:16] = 1
    effects = np.zeros((28, 28))
    effects[4, 10], effects[23, 15], effects[23, 10] = 2, -1, 1
    places = strongest_regions(effects, ink)
    assert places == {"for": [0, 0], "against": [2, 2]}
    assert strongest_regions(0 * effects, ink) == {"for": None, "against": None}


# The reading


def test_a_reading_is_the_networks(kept, trained):
    seen, found = draw.read(SEVEN, run=kept), draw.why(SEVEN, run=kept)
    form = to_mnist_form(strokes.rasterize(strokes.parse_strokes(SEVEN)))
    outputs = trained.net.predict(form)
    assert seen["reading"]["outputs"] == outputs.tolist()
    first, second = outputs.argsort()[::-1][:2]
    assert (seen["reading"]["digit"], seen["reading"]["next"]) == (first, second)
    reasons = found["reasons"]
    assert (reasons["digit"], reasons["against"]) == (first, second)
    assert reasons["gap"] == pytest.approx(
        np.log(outputs[first] / outputs[second]), rel=1e-3
    )
    scores = trained.net.scores(np.zeros(784))
    assert reasons["blank"] == pytest.approx(scores[first] - scores[second], rel=1e-5)
    effects = pixel_effects(
        trained.net.architecture, trained.net.params, form, int(first), int(second)
    )
    assert np.allclose(reasons["pixels"], effects, atol=1e-6)
    assert found["form"] == seen["form"]
    for said in (seen, found):
        assert json.loads(json.dumps(said, allow_nan=False)) == said


def test_units_are_the_strongest_of_their_side(kept, trained):
    reasons = draw.why(SEVEN, run=kept, against=2)["reasons"]
    form = to_mnist_form(strokes.rasterize(strokes.parse_strokes(SEVEN)))
    net = trained.net
    effects = unit_effects(net.architecture, net.params, form, reasons["digit"], 2)
    for side, sign in (("for", 1), ("against", -1)):
        shown = reasons["units"][side]
        strongest = sorted((sign * effects)[sign * effects > 0])[::-1][: draw.UNITS]
        assert [sign * u["effect"] for u in shown] == pytest.approx(strongest)
        for u in shown:
            weights = net.params["W1"][:, u["unit"]]
            assert np.corrcoef(u["weights"], weights)[0, 1] > 0.98
            assert max(map(abs, u["weights"])) <= 127


def test_any_class_can_be_compared_with(kept):
    usual = draw.why(SEVEN, run=kept)["reasons"]
    digit, second = usual["digit"], usual["against"]
    other = next(d for d in range(10) if d not in (digit, second))
    compared = draw.why(SEVEN, run=kept, against=other)["reasons"]
    assert (compared["digit"], compared["against"]) == (digit, other)
    assert compared["gap"] > usual["gap"] > 0
    assert compared["pixels"] != usual["pixels"]
    # A class compared with itself is nothing: the next best is meant.
    assert draw.why(SEVEN, run=kept, against=digit)["reasons"] == usual


def test_an_empty_paper_is_no_digit():
    seen = draw.read("")
    assert (seen["reading"], seen["notes"]) == (None, ["empty"])
    assert draw.why("") == {"form": seen["form"], "reasons": None}
    assert seen["form"] == [0] * 784


def test_an_example_is_predicted_and_explained(kept):
    _, (x, t) = load_mnist_sample(normalize=False)
    seen = draw.read("", example=5, run=kept)
    assert seen["example"]["pixels"] == x[5].tolist()
    assert seen["example"]["label"] == t[5]
    assert seen["reading"]
    page = draw.examples(3)["examples"]
    assert [e["label"] for e in page] == list(range(10))
    assert draw.examples(103) == draw.examples(3)
    assert draw.examples(-1) == draw.examples(99)


def test_sums_are_no_probabilities(place):
    net = MLP((784, 5, 10), "tanh", "sum_squares", init="xavier")
    Run(net, HISTORY, SETTINGS).save("runs/sums")
    reading = draw.read(SEVEN, run="sums")["reading"]
    reasons = draw.why(SEVEN, run="sums")["reasons"]
    assert reading["probabilities"] is reasons["probabilities"] is False
    assert reasons["gap"] == pytest.approx(
        reading["outputs"][reading["digit"]] - reading["outputs"][reading["next"]]
    )


@pytest.mark.parametrize(
    ("changed", "says"),
    [
        ({"drawing": "x"}, "not a list of strokes"),
        ({"drawing": "0" * 8000}, "8,000 characters"),
        ({"example": 1000}, "0 to 999"),
        ({"example": -2}, "0 to 999"),
        ({"against": 10}, "10 classes"),
        ({"against": -2}, "10 classes"),
        ({"run": "none"}, "choose one from the list"),
    ],
)
def test_invalid_input_is_reported(changed, says):
    with pytest.raises(InvalidInput, match=says):
        draw.why(**{"drawing": SEVEN} | changed)
    if "against" not in changed:
        with pytest.raises(InvalidInput, match=says):
            draw.read(**{"drawing": SEVEN} | changed)


# The runs


def test_a_run_is_listed_with_its_description(kept, trained):
    (run,) = draw.networks()["runs"]
    assert run["name"] == kept
    assert run["about"] == trained.describe()
    assert run["data"] == "digits of a test"
    assert run["accuracy"] == trained.test_accuracy[-1]
    assert run["problem"] is None


def test_a_run_that_is_trained_anew_is_read_anew(kept, place):
    before = draw.read(SEVEN, run=kept)["reading"]["outputs"]
    shutil.rmtree(place / "runs" / kept)
    net = MLP((784, 5, 10), init="xavier", seed=9)
    Run(net, HISTORY, SETTINGS).save(place / "runs" / kept)
    after = draw.read(SEVEN, run=kept)["reading"]["outputs"]
    assert before != after


def test_where_there_are_no_runs_none_are_listed(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    assert draw.networks()["runs"] == []
    (tmp_path / "runs").write_text("no folder")
    assert draw.networks()["runs"] == []
    with pytest.raises(LocalizedError, match="choose one from the list"):
        draw.read(SEVEN, run="0001")


@pytest.mark.parametrize(
    "name",
    [
        "../outside", "..", ".", "/", "0001/", "0001/../0001", "./0001", "0001\0",
        "..\\outside", "%2e%2e%2foutside", "~", "a" * 100_000, "file",
    ],
)  # fmt: skip
def test_only_a_name_of_the_list_is_ever_opened(name, kept, place, monkeypatch):
    shutil.copytree(place / "runs" / kept, place / "outside")
    (place / "runs" / "file").write_text("x")
    opened = []
    monkeypatch.setattr(runs, "_loaded", lambda *given: opened.append(given))
    for ask in (draw.read, draw.why):
        with pytest.raises(LocalizedError) as caught:
            ask(SEVEN, run=name)
        assert caught.value.code == "run_unknown"
        assert len(str(caught.value)) < 200
    assert not opened


def cut_off(folder):
    path = folder / "network.safetensors"
    path.write_bytes(path.read_bytes()[:-100])


def one_bit(folder):
    path = folder / "network.safetensors"
    content = bytearray(path.read_bytes())
    content[-1] ^= 1
    path.write_bytes(content)


def other_file(folder):
    (folder / "network.safetensors").write_bytes(b"PK\3\4" + bytes(200))


def unknown_dtype(folder):
    entry = {"dtype": "BF16", "shape": [1], "data_offsets": [0, 2]}
    header = json.dumps({"W1": entry}).encode()
    content = len(header).to_bytes(8, "little") + header + bytes(2)
    (folder / "network.safetensors").write_bytes(content)


def no_network(folder):
    (folder / "network.safetensors").unlink()


def no_history(folder):
    (folder / "history.csv").unlink()


def odd_history(folder):
    (folder / "history.csv").write_bytes(b"\xff\xfe step,loss")


@pytest.mark.parametrize(
    "damage",
    [
        *(cut_off, one_bit, other_file, unknown_dtype, no_network),
        *(no_history, odd_history),
    ],
)
def test_a_damaged_run_is_listed_as_such_and_the_others_are_read(damage, kept, place):
    shutil.copytree(place / "runs" / kept, place / "runs" / "0002")
    damage(place / "runs" / "0002")
    listed = {run["name"]: run for run in draw.networks()["runs"]}
    assert listed["0002"]["problem"]["code"] == "run_damaged"
    assert listed["0001"]["problem"] is None
    assert draw.read(SEVEN, run="0001")["reading"]
    with pytest.raises(LocalizedError, match="0002"):
        draw.read(SEVEN, run="0002")


@pytest.mark.parametrize(
    ("sizes", "code"),
    [
        ((4, 10), "run_inputs"),
        ((784, 1), "run_classes"),
        ((784, 11), "run_classes"),
        ((784, 4097, 2), "run_wide"),
    ],
)
def test_a_run_that_reads_no_digits_is_listed_with_the_reason(sizes, code, place):
    net = MLP(sizes, loss="sum_squares")
    Run(net, HISTORY, SETTINGS).save("runs/odd")
    (run,) = draw.networks()["runs"]
    assert run["problem"]["code"] == code
    assert "'odd'" in run["problem"]["message"]
    with pytest.raises(LocalizedError) as caught:
        draw.read(SEVEN, run="odd")
    assert caught.value.code == code


@pytest.mark.parametrize(
    ("weight", "code"), [(np.nan, "run_not_finite"), (1e308, "overflow")]
)
def test_nonfinite_weights_and_scores_are_reported(weight, code, place):
    net = MLP((784, 3, 10), "relu")
    net.params["W1"][...] = weight
    net.params["W2"][...] = 1e30 if weight == 1e308 else 1
    Run(net, HISTORY, SETTINGS).save("runs/wild")
    for ask in (draw.read, draw.why):
        with np.errstate(all="ignore"), pytest.raises(LocalizedError) as caught:
            ask(SEVEN, run="wild")
        assert caught.value.code == code


def test_a_run_with_a_huge_file_is_not_read(kept, monkeypatch):
    monkeypatch.setattr(runs, "MAX_BYTES", 1000)
    (run,) = draw.networks()["runs"]
    assert run["problem"]["code"] == "run_long"


def test_unfinished_runs_and_other_folders_are_left_out(kept, place):
    (place / "runs" / "0002").mkdir()
    (place / "runs" / "notes.txt").write_text("x")
    (place / "runs" / "pictures").mkdir()
    (place / "runs" / "pictures" / "a.png").write_bytes(b"x")
    assert [run["name"] for run in draw.networks()["runs"]] == [kept]


# The lab's own network


def test_the_labs_own_network_trains_at_the_first_request():
    learner = BackgroundTraining(iterations=60)
    assert (learner.status, learner.step) == ("waiting", 0)
    guesses = learner.network().predict(np.zeros(784))
    assert guesses == pytest.approx(np.full(10, 0.1), abs=0.03)
    learner.join()
    assert (learner.status, learner.step) == ("finished", 60)
    run = fit(
        TwoLayerNet(784, 50, 10), load_mnist_sample(), "node", iterations=60,
        learning_rate=0.5, sampling="epochs",
    )  # fmt: skip
    assert learner.accuracy == run.test_accuracy[-1]
    assert all(
        np.array_equal(run.net.params[name], learner.net.params[name])
        for name in run.net.params
    )


@pytest.mark.filterwarnings("ignore::pytest.PytestUnhandledThreadExceptionWarning")
def test_however_many_ask_it_learns_once():
    begun, go = [], Event()

    def train(*given, **named):
        begun.append(given)
        assert go.wait(600)
        raise MemoryError("of the test")

    learner = BackgroundTraining(train=train)
    asking = [Thread(target=learner.network) for _ in range(8)]
    for thread in asking:
        thread.start()
    for thread in asking:
        thread.join()
    assert learner.status == "learning"
    go.set()
    learner.join()
    assert len(begun) == 1
    assert learner.status == "failed"
    assert isinstance(learner.network(), MLP)


def test_when_python_ends_it_ends():
    learner = BackgroundTraining(iterations=10_000_000)
    learner.network()
    learner.end()
    assert learner.step < 10_000_000
    assert learner.status != "finished"


# Over HTTP


def asked(client, name, **given):
    answer = client.post(f"/api/draw/{name}", json=given)
    return answer.status_code, answer.json()


def test_the_endpoint_takes_json(client, kept):
    status, seen = asked(client, "read", drawing=FOUR, run=kept)
    assert (status, seen["notes"]) == (200, [])
    assert seen == draw.read(FOUR, run=kept)
    status, found = asked(client, "why", drawing=FOUR, run=kept, against=3)
    assert (status, found) == (200, draw.why(FOUR, run=kept, against=3))
    assert asked(client, "networks")[1]["runs"][0]["name"] == kept
    assert len(asked(client, "examples", page=1)[1]["examples"]) == 10


@pytest.mark.parametrize(
    ("given", "status", "code"),
    [
        ({}, 400, "missing"),
        ({"drawing": 5}, 400, "type"),
        ({"drawing": ["dw5k"]}, 400, "type"),
        ({"drawing": "dw5k", "example": 1.5}, 400, "type"),
        ({"drawing": "dw5k", "pixels": [1]}, 400, "entry"),
        ({"drawing": "dw5"}, 400, "drawing"),
        ({"drawing": "d" * 7504}, 400, "drawing_long"),
        ({"drawing": "d" * 70_000}, 413, "body"),
        ({"drawing": "dw5k", "run": "../runs/0001"}, 400, "run_unknown"),
        ({"drawing": "dw5k", "run": "/etc"}, 400, "run_unknown"),
        ({"drawing": "dw5k", "run": 1}, 400, "type"),
        ({"drawing": "dw5k", "example": 10**30}, 400, "example"),
    ],
)
def test_invalid_requests_are_refused(client, kept, given, status, code):
    for name in ("read", "why"):
        answer = asked(client, name, **given)
        assert (answer[0], answer[1]["error"]["code"]) == (status, code)


def test_a_class_that_there_is_not_is_refused(client, kept):
    answer = asked(client, "why", drawing="dw5k", run=kept, against=10**30)
    assert (answer[0], answer[1]["error"]["code"]) == (400, "against")


def test_a_page_of_examples_may_be_any_number(client):
    status, found = asked(client, "examples", page=10**30)
    assert status == 200
    assert len(found["examples"]) == 10


def test_architectures_compile_separately():
    """Two networks of one shape and different activations are different programs."""
    shape = (784, 6, 10)
    sigmoid, relu = (Architecture(shape, name) for name in ("sigmoid", "relu"))
    params, x = MLP(shape, init="xavier").params, np.full(784, 0.5)
    one, other = (unit_effects(a, params, x, 0, 1) for a in (sigmoid, relu))
    assert not np.allclose(one, other)
