"""`secant sweep`: invalid input, and the files of a sweep."""

import csv
import json
import shlex

import pytest

from secant import Run
from secant.training.run_folder import holds_no_steps

pytest.importorskip("optuna", reason='needs pip install "secant[sweep]"')

from secant.cli import sweep_trials
from secant.sweeps.folders import folder_of
from secant.training import steps

RATE = "learning_rate=0.1..1:log"

REFUSED = {
    "nothing to search": ([], "at least one NAME=LOW..HIGH"),
    "an unknown option to search": (["learning_rat=1..2"], "mean 'learning_rate'"),
    "an unknown option": ([RATE, "--hiden", "3"], "No such option: --hiden"),
    "an empty range": (["learning_rate=1..0.1"], "is an empty range"),
    "a logarithm of 0": (["learning_rate=0..1:log"], "begin above 0"),
    "a fraction of a sample": (["batch_size=0.5..2"], "range of whole numbers"),
    "a choice that train does not know": (
        ["gradient=node,bakprop"],
        "gradient=bakprop: there is no gradient method 'bakprop': did you mean",
    ),
    "a number that train refuses": (
        ["batch_size=0..100"],
        "Invalid value for '--batch-size'",
    ),
    "a range that train refuses at its end": (
        ["learning_rate=-1..1"],
        "needs no minus",
    ),
    "choices that do not go together": (
        ["gradient=spsa,node", "directions=1..4"],
        "gradient=node: --directions is for --gradient spsa",
    ),
    "an option searched and given": (
        [RATE, "--learning-rate", "1"],
        "--learning-rate is given and learning_rate=… is searched",
    ),
    "a run to resume": ([RATE, "--resume", "runs/0001"], "--resume is for one run"),
    "a run's checkpoints": ([RATE, "--keep", "2"], "--keep is for one run"),
    "an unknown pruner": ([RATE, "--pruner", "medain"], "did you mean 'median'"),
    "an unknown objective": ([RATE, "--objective", "los"], "did you mean 'loss'"),
    "no trial": ([RATE, "--trials", "0"], "value for '--trials'"),
    "endless trials": ([RATE, "--trials", "9999999"], "value for '--trials'"),
    "no address": ([RATE, "--storage", "a:hidden@b"], "not the address of a database"),
    "another kind of database": (
        [RATE, "--storage", "mysql://ada:hidden@db/x"],
        "a database of 'mysql'",
    ),
}


@pytest.mark.parametrize("case", REFUSED)
def test_an_invalid_sweep_is_refused_and_leaves_nothing(case, secant, tmp_path):
    arguments, message = REFUSED[case]
    outcome = secant("sweep", "--data", "sample", *arguments)
    said = " ".join(outcome.err.replace("│", " ").split())
    assert (outcome.code, outcome.out) == (2, "")
    assert message in said
    assert "Traceback" not in said
    assert "hidden@" not in said
    assert not list(tmp_path.iterdir())


def test_without_the_extra_the_error_names_the_package(secant, monkeypatch):
    monkeypatch.setattr("secant.cli.sweep.find_spec", lambda name: None)
    outcome = secant("sweep", RATE)
    assert outcome.code == 2
    assert 'pip install "secant[sweep]"' in outcome.err


def test_a_folder_with_other_files_is_not_touched(secant, tmp_path):
    (tmp_path / "mine").mkdir()
    (tmp_path / "mine" / "thesis.txt").write_text("years of work")
    outcome = secant("sweep", "--data", "sample", RATE, "--out", "mine")
    assert outcome.code == 2
    assert "overwrites nothing in it" in outcome.err
    assert [path.name for path in (tmp_path / "mine").iterdir()] == ["thesis.txt"]


def test_what_a_killed_process_left_of_a_new_sweep_is_taken_up(tmp_path):
    folder = tmp_path / "mine"
    folder.mkdir()
    (folder / ".sweep.json.99.part").write_bytes(b"half")
    identity = {"space": {"x": "1..2"}, "study": "mine", "storage": "study.db"}
    assert folder_of(identity, folder) == folder
    assert {path.name for path in folder.iterdir()} == {"sweep.json"}


def test_what_a_killed_worker_left_of_a_new_run_is_taken_up(tmp_path):
    (tmp_path / ".manifest.json.99.part").write_bytes(b"half")
    (tmp_path / "initial.safetensors").write_bytes(b"whole")
    assert holds_no_steps(tmp_path)


def test_a_damaged_sweep_is_reported(secant, tmp_path):
    (tmp_path / "mine").mkdir()
    (tmp_path / "mine" / "sweep.json").write_text("{")
    outcome = secant("sweep", "--data", "sample", RATE, "--out", "mine")
    assert outcome.code == 2
    assert "sweep.json is damaged or was changed" in outcome.err


SMALL = (
    *("sweep", "--data", "sample", "--init", "xavier", "--gradient", "backprop"),
    *("--iterations", 60, "--trials", 3, "learning_rate=0.1..1:log", "hidden=2..6"),
)


@pytest.mark.slow
def test_trials_free_their_programs_from_time_to_time(secant, monkeypatch):
    """100 trials of other shapes would fill a gigabyte."""
    monkeypatch.setattr(sweep_trials, "_TRIALS_PER_CLEARING", 3)
    assert secant(*SMALL).code == 0
    assert steps._compiled.cache_info().currsize == 0
    monkeypatch.setattr(sweep_trials, "_TRIALS_PER_CLEARING", 4)
    assert secant(*SMALL[:-2], "hidden=2..6", "batch_size=10..20").code == 0
    assert steps._compiled.cache_info().currsize > 0


@pytest.fixture(scope="module")
def swept(tmp_path_factory):
    """The folder of a sweep of three trials, and the output."""
    import subprocess
    import sys

    place = tmp_path_factory.mktemp("swept")
    ended = subprocess.run(
        [sys.executable, "-m", "secant", *map(str, SMALL)],
        cwd=place,
        capture_output=True,
        text=True,
        check=False,
    )
    assert ended.returncode == 0, ended.stderr
    return place, ended.stdout


@pytest.mark.slow
def test_a_sweep_ends_with_a_table_a_picture_and_runs(swept, secant, monkeypatch):
    place, said = swept
    monkeypatch.chdir(place)
    folder = place / "sweeps" / "0001"
    with (folder / "trials.csv").open(newline="") as file:
        rows = list(csv.DictReader(file))
    assert sorted(int(row["trial"]) for row in rows) == [0, 1, 2]
    scores = [float(row["score"]) for row in rows if row["state"] == "finished"]
    assert scores == sorted(scores, reverse=True)
    assert (folder / "sweep.png").stat().st_size > 5000
    best = Run.load(rows[0]["folder"])
    assert best.history.epochs[-1].validation_accuracy == scores[0]
    assert secant("evaluate", rows[0]["folder"], "--data", "sample").code == 0
    heads, *lines = said.strip().split("\n\n")[0].splitlines()
    ends = heads.index("validation accuracy") + len("validation accuracy")
    assert {line[ends - 6 : ends] for line in lines} == {
        f"{float(row['score']):.4f}" for row in rows
    }


@pytest.mark.slow
def test_the_printed_command_repeats_the_best_run(swept, secant):
    place, said = swept
    (line,) = [line for line in said.splitlines() if line.startswith("to repeat it")]
    words = shlex.split(line.partition(": ")[2])
    outcome = secant(*words[1:], "--out", "again")
    assert outcome.code == 0, outcome.err
    (folder,) = [
        word for word in said.splitlines() if word.startswith("its run: secant eval")
    ]
    best = Run.load(place / shlex.split(folder)[-1])
    assert Run.load("again").losses.tolist() == best.losses.tolist()
    notes = json.loads((place / shlex.split(folder)[-1] / "manifest.json").read_text())[
        "notes"
    ]
    assert notes["command"] == shlex.join(words)


@pytest.mark.slow
def test_the_same_command_continues_its_sweep_and_another_starts_a_new_one(
    swept, secant, monkeypatch
):
    place, _ = swept
    monkeypatch.chdir(place)
    before = (place / "sweeps/0001/trials.csv").read_text()
    outcome = secant(*SMALL)
    assert outcome.code == 0
    assert "continuing after 3 of 3 trials" in outcome.err
    assert (place / "sweeps/0001/trials.csv").read_text() == before
    assert secant(*SMALL[:-1], "hidden=2..5", "--trials", 1).code == 0
    assert {p.name for p in (place / "sweeps").iterdir() if p.is_dir()} == {
        "0001",
        "0002",
    }
    outcome = secant(*SMALL[:-1], "hidden=2..7", "--out", "sweeps/0001")
    assert outcome.code == 2
    assert "space hidden was 2..6 and is 2..7" in outcome.err


@pytest.mark.slow
def test_runs_of_a_deleted_study_are_not_resumed(secant, tmp_path):
    small = [word for word in SMALL if word not in ("--trials", 3)]
    assert secant(*small, "--trials", 1, "--search-seed", 1).code == 0
    place = tmp_path / "sweeps" / "0001"
    old = Run.load(place / "trials" / "0000")
    (place / "study.db").unlink()
    assert secant(*small, "--trials", 1, "--search-seed", 2).code == 0
    with (place / "trials.csv").open(newline="") as file:
        (row,) = csv.DictReader(file)
    assert row["folder"] == str(place / "trials" / "0000-2")
    new = Run.load(row["folder"])
    assert new.settings.learning_rate == float(row["learning_rate"])
    assert new.settings.learning_rate != old.settings.learning_rate
