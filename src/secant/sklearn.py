"""Secant's networks as a scikit-learn estimator.

scikit-learn comes in the extra: `pip install "secant[sklearn]"`. Pipelines, grid
searches, cross-validation and `clone` take the estimator as they take their own, and
`gradient=` is one of the parameters that they can search over.
"""

import warnings
from collections.abc import Iterable
from dataclasses import replace
from math import ceil
from typing import Any, Self

import numpy as np
import optax

from secant.arrays import Array, ArrayLike
from secant.errors import InvalidInput
from secant.history import History
from secant.nn.activations import log_softmax, softmax
from secant.nn.gradients import GradientMethod
from secant.nn.losses import LOSSES
from secant.nn.networks import MLP
from secant.training import EarlyStopping, NotFinite, Run, TrainingWarning
from secant.training.config import TrainConfig
from secant.training.loop import train
from secant.training.optimizers import LearningRate
from secant.training.steps import MAX_STEPS_PER_CALL, TrainState
from secant.training.trainer import Diverged, Trainer
from secant.validation import Each, WholeNumber, as_whole_number, validate

try:
    from sklearn.base import BaseEstimator, ClassifierMixin
    from sklearn.exceptions import ConvergenceWarning
    from sklearn.utils import check_random_state
    from sklearn.utils.multiclass import check_classification_targets
    from sklearn.utils.validation import check_is_fitted, column_or_1d, validate_data
except ImportError as error:
    raise ImportError(
        f"secant.sklearn needs scikit-learn 1.6 or newer ({error}): write  "
        'pip install "secant[sklearn]"'
    ) from None

_FLOATS = (np.float64, np.float32)

_HIDDEN = Each(
    WholeNumber(low=1),
    meaning="the neurons of each hidden layer",
    example="(100,) or (100, 50)",
)


class MLPClassifier(ClassifierMixin, BaseEstimator):
    """A classifier of fully connected layers, trained by any way to the gradient.

    A softmax over the classes is trained on cross entropy by `secant.fit`, with each
    sample once, in random order, before any again.

    Args:
        hidden: Neurons of each hidden layer; () is multinomial logistic regression.
        activation: What hidden layers do with their sums, a name of
            `secant.nn.activations.ACTIVATIONS`: `relu`, `tanh`, …
        gradient: The way to the gradient: `node`, `weight`, `spsa`, `backprop` or
            `definition`, or a `GradientMethod` such as
            `find_method("spsa", directions=10)`.
        optimizer: A name of `secant.training.optimizers.OPTIMIZERS`, or any of Optax's.
        learning_rate: If None, the optimiser's usual one; a `secant.Schedule` or one of
            Optax's changes it over the steps.
        weight_decay: As for `secant.fit`; so is `clip_norm`.
        clip_norm: A gradient whose norm is larger is shortened to this one.
        batch_size: Samples a step; all of them where there are fewer.
        iterations: Steps that `fit` takes.
        init: How the first weights are drawn: `normal`, `xavier` or `he`.
        early_stopping: Whether to hold samples back and to stop when the loss on them
            no longer falls; the network is then the one with the best accuracy on
            them. (scikit-learn's own watches that accuracy.)
        validation_fraction: The share of the samples, of each class, held back then.
        n_iter_no_change: After so many epochs in a row without a gain it stops.
        tol: A gain is a loss lower by more than this.
        random_state: Of the first weights and the batches: a seed, a
            `numpy.random.RandomState`, or None for another run each time.

    Attributes:
        classes_: The labels, sorted, shape (classes,).
        n_features_in_: Numbers a sample.
        feature_names_in_: Their names, where `fit` got a table with names.
        n_iter_: Steps taken.
        validation_scores_: With early stopping, the accuracy on the samples held back
            at the start and after each epoch; else None.
        best_validation_score_: The best of them; else None.
        net_: The trained network, a `secant.MLP`.
        run_: The `secant.Run`: the loss of every step, `plot()`, and `save(folder)`,
            which keeps it without pickle; `from_run` makes an estimator of it.

    Raises:
        InvalidInput: When it is fitted: a parameter or the data cannot be worked
            with. It is a `ValueError`.
        NotFinite: When it is fitted: the loss became NaN or infinite.

    Example:
        >>> from sklearn.datasets import load_iris
        >>> from sklearn.pipeline import make_pipeline
        >>> from sklearn.preprocessing import StandardScaler
        >>> net = MLPClassifier((10,), learning_rate=0.01, random_state=0)
        >>> model = make_pipeline(StandardScaler(), net)
        >>> x, y = load_iris(return_X_y=True)
        >>> bool(model.fit(x, y).score(x, y) > 0.95)
        True
    """

    n_features_in_: int

    def __init__(
        self,
        hidden: int | Iterable[int] = (100,),
        activation: str = "relu",
        *,
        gradient: str | GradientMethod = "node",
        optimizer: str | optax.GradientTransformation = "adam",
        learning_rate: LearningRate | None = None,
        weight_decay: float | None = None,
        clip_norm: float | None = None,
        batch_size: int = 100,
        iterations: int = 2_000,
        init: str = "he",
        early_stopping: bool = False,
        validation_fraction: float = 0.1,
        n_iter_no_change: int = 10,
        tol: float = 1e-4,
        random_state: int | np.random.RandomState | None = None,
    ) -> None:
        self.hidden = hidden
        self.activation = activation
        self.gradient = gradient
        self.optimizer = optimizer
        self.learning_rate = learning_rate
        self.weight_decay = weight_decay
        self.clip_norm = clip_norm
        self.batch_size = batch_size
        self.iterations = iterations
        self.init = init
        self.early_stopping = early_stopping
        self.validation_fraction = validation_fraction
        self.n_iter_no_change = n_iter_no_change
        self.tol = tol
        self.random_state = random_state

    def fit(self, X: ArrayLike, y: ArrayLike) -> Self:
        """Trains a new network.

        Ctrl-C keeps what was learned until then, and goes on to whoever called: a
        grid search ends.

        Args:
            X: Samples, (samples, features).
            y: Their labels, of any kind that can be sorted, (samples,).

        Returns:
            The estimator itself.

        Raises:
            InvalidInput: A parameter or the data cannot be worked with.
            NotFinite: The loss became NaN or infinite.

        Warns:
            sklearn.exceptions.ConvergenceWarning: The network is no better than one
                that looks at no sample.
            TrainingWarning: As `secant.fit`, but for the first epoch's.
        """
        X, y = self._checked(X, y, reset=True)
        self.classes_ = _checked_classes(np.unique(y), "y")
        draws = check_random_state(self.random_state)
        net, labels = self._new_net(_seed(draws)), np.searchsorted(self.classes_, y)
        config = self._config(_seed(draws), len(X))
        with warnings.catch_warnings():
            # An epoch of a small data set is a few steps: the whole run is judged.
            warnings.filterwarnings("ignore", "after the first epoch", TrainingWarning)
            run = train(net, (X, labels), config)
        self._going_on = None
        self._keep(run)
        if run.status == "interrupted":
            raise KeyboardInterrupt
        _warn_if_unlearned(run, labels)
        return self

    def partial_fit(
        self, X: ArrayLike, y: ArrayLike, classes: ArrayLike | None = None
    ) -> Self:
        """Goes on training, once over these samples.

        The last batch is filled up with samples of the next pass, so that every
        sample is seen. The optimiser's memory lasts from call to call; it is new
        after `fit`.

        Args:
            X: Samples, (samples, features).
            y: Their labels, (samples,).
            classes: All labels that will ever come; wanted by the first call, which
                may see a few of them only.

        Returns:
            The estimator itself.

        Raises:
            InvalidInput: `classes` is missing or not that of the first call, or a
                label is none of them; `early_stopping` is on, whose decisions are
                about a whole run; or as `fit`.
            NotFinite: The loss became NaN or infinite; the weights stay as they were
                before the call.
        """
        if self.early_stopping:
            raise InvalidInput(
                "partial_fit does not support early_stopping=True: whoever calls it "
                "decides when it is enough; call set_params(early_stopping=False)"
            )
        first = not hasattr(self, "net_")
        X, y = self._checked(X, y, reset=first)
        if first:
            if classes is None:
                raise InvalidInput(
                    "classes is None, and the first call of partial_fit has to know "
                    "every label that will come: pass classes=np.unique(all_labels)"
                )
            self.classes_ = _checked_classes(np.unique(classes), "classes")
        elif classes is not None and not np.array_equal(
            np.unique(classes), self.classes_
        ):
            raise InvalidInput(
                f"classes is {classes!r}, and the first call's were {self.classes_}: "
                "pass the same, or None"
            )
        labels = _numbered(y, self.classes_)
        going_on = getattr(self, "_going_on", None)
        draws, state = going_on or (check_random_state(self.random_state), None)
        net = self._new_net(_seed(draws)) if first else self.net_
        run, state = self._pass(net, X, labels, _seed(draws), state)
        self._going_on = draws, state
        self._keep(run)
        return self

    def predict(self, X: ArrayLike) -> np.ndarray:
        """The most probable label of each sample, shape (samples,).

        Raises:
            sklearn.exceptions.NotFittedError: There is no network yet.
            ValueError: `X` is not finite or has other features than those of `fit`.
        """
        best = self._scores(X).argmax(axis=1)
        return self.classes_[best]

    def predict_proba(self, X: ArrayLike) -> np.ndarray:
        """The probability of each class, (samples, classes), in `classes_`' order.

        Raises:
            sklearn.exceptions.NotFittedError: There is no network yet.
            ValueError: `X` is not finite or has other features than those of `fit`.
        """
        return softmax(self._scores(X))

    def predict_log_proba(self, X: ArrayLike) -> np.ndarray:
        """The logarithms of the probabilities, right where those round to 0.

        Raises:
            sklearn.exceptions.NotFittedError: There is no network yet.
            ValueError: `X` is not finite or has other features than those of `fit`.
        """
        return log_softmax(self._scores(X))

    @classmethod
    def from_run(cls, run: Run, classes: ArrayLike | None = None) -> Self:
        """A fitted estimator from a run, such as `Run.load(folder)`.

        Args:
            run: A run of a network with softmax outputs.
            classes: The label of each output, sorted as `classes_` has them; a run
                knows classes by number only, which is what None stands for.

        Returns:
            The estimator, with the parameters that the run's settings keep.

        Raises:
            InvalidInput: The outputs are no probabilities, or not as many as classes.
        """
        architecture, settings = run.net.architecture, run.settings
        outputs = architecture.sizes[-1]
        if LOSSES[architecture.loss].output is not softmax:
            raise InvalidInput(
                f"the run was trained on {architecture.loss}, so its outputs are no "
                "probabilities: pass a run with loss='cross_entropy'"
            )
        labels = np.arange(outputs) if classes is None else np.asarray(classes)
        if not np.array_equal(labels, np.unique(labels)) or len(labels) != outputs:
            raise InvalidInput(
                f"classes is {classes!r}: pass {outputs} labels, one for each output, "
                "sorted, none twice"
            )
        stopping = settings.early_stopping
        known = {
            "early_stopping": True,
            "validation_fraction": settings.validation_split,
            "n_iter_no_change": stopping.patience,
            "tol": stopping.min_delta,
        } if stopping else {}  # fmt: skip
        schedule = settings.schedule
        estimator = cls(
            hidden=architecture.sizes[1:-1],
            activation=architecture.activation,
            gradient=settings.gradient,
            optimizer=settings.optimizer,
            learning_rate=schedule if callable(schedule) else settings.learning_rate,
            weight_decay=settings.weight_decay,
            clip_norm=settings.clip_norm,
            batch_size=settings.batch_size,
            iterations=settings.iterations,
            **known,
        )
        estimator.classes_ = labels
        estimator.n_features_in_ = architecture.sizes[0]
        estimator._keep(run)
        return estimator

    def _checked(self, X: Any, y: Any, reset: bool) -> tuple[np.ndarray, np.ndarray]:
        X, y = validate_data(self, X, y, reset=reset, dtype=_FLOATS)
        check_classification_targets(y)
        return X, column_or_1d(y, warn=True)

    def _scores(self, X: ArrayLike) -> Array:
        check_is_fitted(self)
        return self.net_.scores(validate_data(self, X, reset=False, dtype=_FLOATS))

    def _new_net(self, seed: int) -> MLP:
        hidden = _hidden_sizes(self.hidden)
        return MLP(
            (self.n_features_in_, *hidden, len(self.classes_)),
            self.activation,
            init=self.init,
            seed=seed,
        )

    def _config(self, seed: int, samples: int) -> TrainConfig:
        """The configuration for this many samples, some of which may be held back."""
        held, stopping = None, None
        if self.early_stopping:
            held = self.validation_fraction
            stopping = EarlyStopping(self.n_iter_no_change, self.tol)
        config = TrainConfig.build(
            self.gradient,
            iterations=self.iterations,
            batch_size=self.batch_size,
            learning_rate=self.learning_rate,
            optimizer=self.optimizer,
            weight_decay=self.weight_decay,
            clip_norm=self.clip_norm,
            validation_split=held,
            early_stopping=stopping,
            seed=seed,
            sampling="epochs",
        )
        left = samples - ceil((config.validation_split or 0.0) * samples)
        return replace(config, batch_size=min(config.batch_size, max(left, 1)))

    def _keep(self, run: Run) -> None:
        self.run_, self.net_, self.n_iter_ = run, run.net, len(run.losses)
        self.validation_scores_ = self.best_validation_score_ = None
        if run.settings.early_stopping and run.best and run.best_epoch:
            self.net_ = run.best
            self.validation_scores_ = run.validation_accuracy.tolist()
            self.best_validation_score_ = run.best_epoch.validation_accuracy

    def _pass(
        self, net: MLP, x: np.ndarray, labels: np.ndarray, seed: int, state: Any
    ) -> tuple[Run, TrainState]:
        """One pass over the samples, and the state that the next one starts from."""
        config = self._config(seed, len(x))
        config = replace(config, iterations=-(-len(x) // config.batch_size))
        trainer = Trainer(net, (x, labels), config)
        before = getattr(self, "run_", Run(net, History(np.zeros(0), ()), config))
        run_state = trainer.start
        if state is not None:
            run_state = replace(run_state, train_state=state)
        try:
            while (left := config.iterations - run_state.step) > 0:
                run_state = trainer.advance(run_state, min(MAX_STEPS_PER_CALL, left))
            run_state = trainer.evaluate(run_state)
            finite = np.isfinite(run_state.epochs[-1].train_loss)
        except Diverged:
            finite = False
        if not finite:
            raise NotFinite(
                "the loss is no longer finite: most likely the learning rate is too "
                "large, or X is not scaled. The weights from before this call are kept",
                before,
            )
        run = trainer.result(run_state)
        taken = np.concatenate([before.losses, run.losses])
        epoch = run.history.epochs[-1]._replace(step=len(taken))
        run = Run(
            net=run.net,
            history=History(taken, (*before.history.epochs, epoch)),
            settings=replace(config, iterations=len(taken)),
        )
        return run, run_state.train_state


def _warn_if_unlearned(run: Run, labels: np.ndarray) -> None:
    loss = run.history.epochs[-1].train_loss
    shares = np.bincount(labels) / len(labels)
    chance = LOSSES["cross_entropy"].baseline(shares[None])
    if loss >= chance:
        warnings.warn(
            f"after {len(run.losses)} steps the loss is {loss:.4g}, no better than the "
            f"{chance:.4g} of always giving the same best answer: raise iterations or "
            "the learning rate, and scale X (StandardScaler)",
            ConvergenceWarning,
            stacklevel=3,
        )


def _seed(draws: np.random.RandomState) -> int:
    return int(draws.randint(2**31 - 1))


def _hidden_sizes(hidden: int | Iterable[int]) -> tuple[int, ...]:
    alone = as_whole_number(hidden) is not None
    return validate("hidden", (hidden,) if alone else hidden, _HIDDEN)


def _checked_classes(classes: np.ndarray, name: str) -> np.ndarray:
    if len(classes) < 2:
        raise InvalidInput(
            f"{name} holds one class, {classes}: a classifier tells at least 2 classes "
            "apart; add samples of another"
        )
    return classes


def _numbered(y: np.ndarray, classes: np.ndarray) -> np.ndarray:
    """Labels as their places among the classes."""
    strange = np.setdiff1d(y, classes).tolist()
    if strange:
        raise InvalidInput(
            f"y holds {strange[0]!r}, which is none of the classes {classes}: name "
            "every class in the first call of partial_fit"
        )
    return np.searchsorted(classes, y)
