"""The estimator among scikit-learn's tools, and what it says of mistakes."""

import subprocess
import sys

import numpy as np
import optax
import pytest

from secant import MLP, InvalidInput, NotFinite, Run, Schedule, fit
from secant.nn.gradients import GradientMethod, spsa_method


def quick(classifier, **options):
    settings = {"hidden": 8, "init": "xavier", "learning_rate": 0.02}
    settings |= {"iterations": 300, "random_state": 0} | options
    return classifier(**settings)


# --- among scikit-learn's tools -----------------------------------------------------


def test_iris_is_learned_under_its_own_names(classifier, iris):
    x, y = iris
    net = quick(classifier).fit(x, y)
    assert list(net.classes_) == ["setosa", "versicolor", "virginica"]
    assert net.score(x, y) > 0.93
    probabilities = net.predict_proba(x)
    assert probabilities.shape == (150, 3)
    np.testing.assert_allclose(probabilities.sum(axis=1), 1)
    np.testing.assert_array_equal(
        net.predict(x), net.classes_[probabilities.argmax(axis=1)]
    )
    np.testing.assert_allclose(net.predict_log_proba(x), np.log(probabilities))
    assert net.n_iter_ == len(net.run_.losses) == 300
    assert net.net_.architecture.sizes == (4, 8, 3)


@pytest.mark.slow
def test_a_grid_search_in_a_pipeline_tries_ways_to_the_gradient(classifier):
    from sklearn.datasets import load_digits
    from sklearn.model_selection import GridSearchCV
    from sklearn.pipeline import make_pipeline
    from sklearn.preprocessing import MinMaxScaler

    x, y = load_digits(return_X_y=True)
    model = make_pipeline(MinMaxScaler(), quick(classifier, hidden=(20,)))
    grid = {"mlpclassifier__gradient": ["node", "weight", "backprop"]}
    search = GridSearchCV(model, grid, cv=3, error_score="raise").fit(x, y)
    scores = search.cv_results_["mean_test_score"]
    assert (scores > 0.85).all()
    assert np.ptp(scores) < 0.02  # one gradient, three ways to it
    assert search.score(x, y) > 0.9


@pytest.mark.slow
def test_folds_may_be_fitted_in_other_processes(classifier, iris):
    from sklearn.model_selection import cross_val_score

    scores = cross_val_score(
        quick(classifier, gradient=spsa_method(20)),
        *iris,
        cv=3,
        n_jobs=2,
    )
    assert scores.mean() > 0.85


def test_feature_names_are_stored_and_required(classifier, iris):
    pandas = pytest.importorskip("pandas", reason="needs pandas")
    x, y = iris
    table = pandas.DataFrame(x, columns=["a", "b", "c", "d"])
    net = quick(classifier, iterations=40).fit(table, y)
    assert list(net.feature_names_in_) == ["a", "b", "c", "d"]
    with pytest.raises(ValueError, match="feature names should match"):
        net.predict(table[["b", "a", "c", "d"]])


def test_a_clone_has_the_parameters_and_no_weights(classifier, iris):
    from sklearn.base import clone

    net = quick(
        classifier,
        gradient=spsa_method(3),
        optimizer=optax.adam(1e-2),
        learning_rate=None,
    )
    again = clone(net.fit(*iris))
    assert again.get_params() == net.get_params()
    assert not hasattr(again, "net_")
    assert again.set_params(gradient="weight", hidden=(3, 2)).hidden == (3, 2)


def test_the_random_state_settles_the_run(classifier, iris):
    def weights(state):
        return quick(classifier, iterations=40, random_state=state).fit(*iris).net_

    first, second = weights(5), weights(np.random.RandomState(5))
    for name, value in first.params.items():
        np.testing.assert_array_equal(second.params[name], value)
    assert (weights(6).params["W1"] != first.params["W1"]).any()
    assert (weights(None).params["W1"] != weights(None).params["W1"]).any()


def test_a_fold_smaller_than_the_batch_is_one_batch(classifier, iris):
    x, y = iris
    net = quick(classifier, iterations=40, batch_size=1000).fit(x, y)
    assert net.run_.settings.batch_size == 150


# --- going on -----------------------------------------------------------------------


def test_passes_over_one_batch_are_the_steps_of_fit(classifier, iris):
    """With its momentum: a memory that began anew would lead elsewhere."""
    x, y = iris
    options = {"batch_size": 150, "optimizer": "momentum", "learning_rate": 0.05}
    whole = quick(classifier, iterations=12, **options).fit(x, y)
    parts = quick(classifier, **options)
    for _ in range(12):
        parts.partial_fit(x, y, classes=np.unique(y))
    np.testing.assert_allclose(parts.run_.losses, whole.run_.losses, rtol=1e-4)
    for name, value in whole.net_.params.items():
        np.testing.assert_allclose(parts.net_.params[name], value, atol=1e-4)
    forgetful = quick(classifier, **options).partial_fit(x, y, classes=np.unique(y))
    for _ in range(11):
        del forgetful._going_on
        forgetful.partial_fit(x, y)
    assert abs(forgetful.run_.losses[-1] - whole.run_.losses[-1]) > 0.01


def test_every_sample_of_a_stream_is_seen(classifier, iris):
    x, y = iris
    seen = []

    def look(architecture, params, x, t, key=None, /):
        seen.append(np.array(x))
        return np.float64(0), {name: 0 * value for name, value in params.items()}

    method = GradientMethod("look", look, "nothing", False, None)
    net = quick(classifier, gradient=method, batch_size=40)
    net.partial_fit(x, y, classes=np.unique(y))
    assert len(seen) == 4
    assert {tuple(row) for row in np.concatenate(seen)} == {tuple(row) for row in x}


@pytest.mark.parametrize("gradient", ["node", "spsa"])
def test_a_stream_is_learned_a_part_at_a_time(classifier, iris, gradient):
    x, y = iris
    net = quick(classifier, gradient=gradient, batch_size=10)
    for start in [*range(0, 150, 50)] * 12:  # sorted: a part has one label only
        rows = np.random.default_rng(start).permutation(150)[:50]
        net.partial_fit(x[rows], y[rows], classes=np.unique(y))
    assert net.score(x, y) > 0.85
    assert net.n_iter_ == 36 * 5
    assert len(net.run_.history.epochs) == 36


def test_the_first_part_may_lack_classes(classifier, iris):
    x, y = iris
    net = quick(classifier).partial_fit(x[:50], y[:50], classes=np.unique(y))
    assert net.predict_proba(x).shape == (150, 3)


# --- stopping early -----------------------------------------------------------------

STOPPING = {
    "early_stopping": True,
    "validation_fraction": 0.2,
    "n_iter_no_change": 4,
    "tol": 1e-3,
    "iterations": 4_000,
    "weight_decay": 1e-3,
    "clip_norm": 1.0,
    "learning_rate": Schedule("cosine", 0.05, steps=4_000),
}


def test_it_stops_early_and_keeps_the_best_network(classifier, iris, tmp_path):
    x, y = iris
    net = quick(classifier, **STOPPING).fit(x, y)
    assert net.run_.status == "stopped early"
    assert net.n_iter_ == len(net.run_.losses) < 4_000
    assert net.best_validation_score_ == max(net.validation_scores_)
    assert net.net_ is net.run_.best
    again = classifier.from_run(Run.load(net.run_.save(tmp_path / "run")), net.classes_)
    np.testing.assert_array_equal(again.predict_proba(x), net.predict_proba(x))
    for name, value in STOPPING.items():
        assert getattr(again, name) == value


def test_without_early_stopping_there_is_no_validation_split(classifier, iris):
    net = quick(classifier, iterations=60).fit(*iris)
    assert net.validation_scores_ is net.best_validation_score_ is None
    assert net.run_.settings.validation_split is None


def test_a_batch_is_at_most_the_training_part(classifier, iris):
    x, y = iris
    few = slice(None, None, 10)
    net = quick(classifier, **STOPPING | {"validation_fraction": 0.5})
    assert net.fit(x[few], y[few]).run_.settings.batch_size == 7


def test_a_stream_does_not_stop_by_itself(classifier, iris):
    with pytest.raises(InvalidInput, match="partial_fit does not support"):
        quick(classifier, **STOPPING).partial_fit(*iris, classes=np.unique(iris[1]))


# --- kept without pickle --------------------------------------------------------------


def test_a_saved_run_restores_the_estimator(classifier, iris, tmp_path):
    x, y = iris
    net = quick(classifier, activation="tanh").fit(x, y)
    run = Run.load(net.run_.save(tmp_path / "iris"))
    again = classifier.from_run(run, net.classes_)
    np.testing.assert_array_equal(again.predict_proba(x), net.predict_proba(x))
    assert list(again.predict(x)) == list(net.predict(x))
    for name in ("activation", "gradient", "optimizer", "learning_rate"):
        assert getattr(again, name) == getattr(net, name)
    assert again.hidden == (8,)
    assert list(classifier.from_run(run).classes_) == [0, 1, 2]


# --- mistakes -------------------------------------------------------------------------

PARAMETERS = {
    "hidden of text": ({"hidden": "wide"}, r"hidden is 'wide'.*such as \(100,\)"),
    "hidden of 0": ({"hidden": (8, 0)}, r"hidden is \(8, 0\)"),
    "hidden of None": ({"hidden": None}, "hidden is None"),
    "activation": ({"activation": "ReLU6"}, "no activation 'ReLU6': did you mean"),
    "gradient": ({"gradient": "bakprop"}, "did you mean 'backprop'"),
    "optimizer": ({"optimizer": "lbfgs"}, "no optimizer 'lbfgs'"),
    "learning rate": ({"learning_rate": -1}, "learning_rate is -1"),
    "batch size": ({"batch_size": 0}, "batch_size is 0"),
    "batch size of text": ({"batch_size": "auto"}, "batch_size is 'auto'"),
    "iterations": ({"iterations": 1.5}, "iterations is 1.5"),
    "init": ({"init": "uniform"}, "no initialisation 'uniform'"),
    "decay below 0": ({"weight_decay": -1}, "weight_decay is -1"),
    "clip of 0": ({"clip_norm": 0}, "clip_norm is 0"),
    "fraction of 1": (
        {"early_stopping": True, "validation_fraction": 1.0},
        "validation_split is 1.0",
    ),
    "patience of 0": ({"early_stopping": True, "n_iter_no_change": 0}, "patience is 0"),
    "tol below 0": ({"early_stopping": True, "tol": -1}, "min_delta is -1"),
    "random state": ({"random_state": "seven"}, "cannot be used to seed"),
}


@pytest.mark.parametrize("case", PARAMETERS)
def test_an_invalid_parameter_is_refused_by_fit(classifier, iris, case):
    options, message = PARAMETERS[case]
    net = quick(classifier, **options)
    with pytest.raises(ValueError, match=message):
        net.fit(*iris)


def test_a_network_that_learned_nothing_is_reported(classifier, iris):
    from sklearn.exceptions import ConvergenceWarning

    with pytest.warns(ConvergenceWarning, match=r"after 40 steps.*raise iterations"):
        quick(classifier, iterations=40, learning_rate=1e-3, random_state=5).fit(*iris)


def test_one_class_is_refused(classifier, iris):
    x, y = iris
    with pytest.raises(InvalidInput, match=r"y holds one class.*at least 2"):
        quick(classifier).fit(x[:50], y[:50])


def test_numbers_that_are_no_classes_are_refused(classifier, iris):
    with pytest.raises(ValueError, match="Unknown label type"):
        quick(classifier).fit(iris[0], iris[0][:, 0])


def test_a_missing_value_is_refused(classifier, iris):
    x = iris[0].copy()
    x[3, 1] = np.nan
    with pytest.raises(ValueError, match="contains NaN"):
        quick(classifier).fit(x, iris[1])


def test_the_first_part_must_name_the_classes(classifier, iris):
    with pytest.raises(InvalidInput, match="classes is None"):
        quick(classifier).partial_fit(*iris)


def test_classes_cannot_change_between_calls(classifier, iris):
    x, y = iris
    net = quick(classifier).partial_fit(x, y, classes=np.unique(y))
    with pytest.raises(InvalidInput, match="the first call's were"):
        net.partial_fit(x, y, classes=["setosa", "virginica"])


def test_a_label_that_was_not_named_is_refused(classifier, iris):
    x, y = iris
    net = quick(classifier).partial_fit(x[:100], y[:100], classes=np.unique(y[:100]))
    with pytest.raises(InvalidInput, match="'virginica', which is none"):
        net.partial_fit(x, y)


def test_a_loss_that_is_not_finite_leaves_the_weights(classifier, iris):
    x, y = iris
    net = quick(classifier, optimizer="sgd", batch_size=10)
    net.partial_fit(x, y, classes=np.unique(y))
    before = net.net_
    net.set_params(learning_rate=1e30)
    with pytest.raises(NotFinite, match="before this call") as raised:
        net.partial_fit(x, y)
    assert net.net_ is raised.value.run.net is before


def test_ctrl_c_ends_a_search_and_keeps_the_weights(classifier, iris):
    calls = 0

    def stops(architecture, params, x, t, key=None, /):
        nonlocal calls
        calls += 1
        if calls > 5:
            raise KeyboardInterrupt
        return np.float64(1), dict(params)

    net = quick(
        classifier, gradient=GradientMethod("stops", stops, "none", False, None)
    )
    with pytest.raises(KeyboardInterrupt):
        net.fit(*iris)
    assert net.run_.status == "interrupted"
    assert net.predict(iris[0]).shape == (150,)


def test_outputs_that_are_no_probabilities_make_no_classifier(classifier):
    net = MLP((2, 3, 2), loss="sum_squares", init="he")
    run = fit(net, (np.eye(2), [0, 1]), iterations=1, batch_size=2)
    with pytest.raises(InvalidInput, match="no probabilities"):
        classifier.from_run(run)


@pytest.mark.parametrize("classes", [["a"], ["b", "a"], ["a", "a"]])
def test_a_run_gets_a_label_for_each_output(classifier, classes):
    net = MLP((2, 3, 2), init="he")
    run = fit(net, (np.eye(2), [0, 1]), iterations=1, batch_size=2)
    with pytest.raises(InvalidInput, match="pass 2 labels, one for each output"):
        classifier.from_run(run, classes)


def test_without_the_extra_the_error_names_the_package():
    code = "import sys; sys.modules['sklearn'] = None; import secant.sklearn"
    done = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, check=False
    )
    assert 'pip install "secant[sklearn]"' in done.stderr.splitlines()[-1]


def test_secant_itself_does_not_load_scikit_learn():
    code = "import secant, sys; secant.fit; assert 'sklearn' not in sys.modules"
    subprocess.run([sys.executable, "-c", code], check=True)
