"""TrainConfig: validated once, saved in files, and used by the steps."""

import json
import pickle
from dataclasses import fields, replace
from inspect import signature

import optax
import pytest

from secant import EarlyStopping, InvalidInput, Schedule, fit
from secant.nn.gradients import GradientMethod, find_method
from secant.training.config import TrainConfig
from secant.training.optimizers import OptimizerArguments
from secant.training.samples import as_samples
from secant.training.trainer import Trainer

ALL = {
    "gradient": find_method("spsa", directions=3),
    "iterations": 30,
    "batch_size": 7,
    "seed": 3,
    "sampling": "epochs",
    "validation_split": 0.25,
    "early_stopping": EarlyStopping(4, 0.5),
    "optimizer": "adamw",
    "learning_rate": Schedule("linear", 0.5, 30, 3),
    "weight_decay": 0.1,
    "clip_norm": 2.0,
}


def known(**changes):
    """The JSON of a configuration, as read from a file."""
    return json.loads(json.dumps(TrainConfig.build(**ALL).to_dict())) | changes


def test_fields_and_defaults_are_those_of_fit():
    of_fit, of_build = signature(fit).parameters, signature(TrainConfig.build)
    own = {p for p in of_build.parameters.values() if p.kind is not p.VAR_KEYWORD}
    assert [p.name for p in own if of_fit[p.name].default != p.default] == []
    assert ALL.keys() <= of_fit.keys()
    assert OptimizerArguments.__annotations__.keys() <= of_fit.keys()
    usual = TrainConfig.build()
    assert (usual.optimizer, usual.learning_rate) == (of_fit["optimizer"].default, 0.1)


def test_json_and_pickle_preserve_every_field():
    config = TrainConfig.build(**ALL)
    assert config.learning_rate == 0.5
    assert config.schedule == ALL["learning_rate"]
    for again in (TrainConfig.from_dict(known()), pickle.loads(pickle.dumps(config))):
        assert again == config
        assert again.update_rule == config.update_rule
        assert again.method == config.method == ALL["gradient"]
        assert again.gradient_options == {"directions": 3, "h": 1e-4}


def test_numbers_are_converted_to_python_types():
    config = TrainConfig.build(learning_rate=1, clip_norm=2, validation_split=0.5)
    assert isinstance(config.learning_rate, float)
    assert isinstance(config.clip_norm, float)
    json.dumps(config.to_dict())


def test_an_object_is_named_in_files_and_kept_in_memory():
    optimizer = optax.adam(0.1)
    method = GradientMethod("mine", lambda *batch: (0.0, {}))
    config = TrainConfig.build(method, optimizer=optimizer)
    assert config.method is method
    assert config.update_rule.at(0.0) is optimizer
    assert replace(config, iterations=5).update_rule.at(0.0) is optimizer
    assert config.to_dict()["optimizer"] == "custom"
    assert config.to_dict().keys().isdisjoint({"custom_method", "custom_optimizer"})
    read = TrainConfig.from_dict(config.to_dict())
    with pytest.raises(InvalidInput, match="passed as an object"):
        _ = read.update_rule
    with pytest.raises(InvalidInput, match="passed as an object"):
        read.check_known()
    with pytest.raises(InvalidInput, match="no gradient method 'mine'"):
        _ = read.method


def test_a_schedule_that_was_passed_as_a_function_is_lost_in_a_file():
    config = TrainConfig.build(learning_rate=optax.constant_schedule(0.2))
    assert config.learning_rate is None
    assert config.rate_schedule(0) == 0.2
    with pytest.raises(InvalidInput, match="optimiser or schedule"):
        TrainConfig.from_dict(config.to_dict()).check_known()


def test_replacing_the_method_drops_the_passed_object():
    mine = replace(find_method("spsa", h=0.1), function=lambda *batch: (0.0, {}))
    config = TrainConfig.build(mine)
    assert config.method is mine
    config = config.with_method(find_method("node"))
    assert (config.method, config.gradient) == (find_method("node"), "node")
    assert (config.custom_method, config.gradient_options) == (None, {"h": 1e-4})


def test_the_same_options_give_equal_update_rules_whatever_the_rate():
    # The rule is the key of the compiled loop, and the rate its argument.
    one, other = (
        TrainConfig.build(learning_rate=rate, clip_norm=1) for rate in (0.3, 0.1)
    )
    assert one.update_rule == other.update_rule
    assert hash(one.update_rule) == hash(other.update_rule)
    assert (one.constant_rate, other.constant_rate) == (0.3, 0.1)
    assert one.update_rule != TrainConfig.build(clip_norm=2).update_rule
    assert (
        one.update_rule != TrainConfig.build(clip_norm=1, optimizer="adam").update_rule
    )


def test_a_schedule_or_an_optimizer_with_its_own_rate_is_a_part_of_the_rule():
    schedule = Schedule("cosine", 0.3, steps=10)
    config = TrainConfig.build(learning_rate=schedule)
    assert (config.update_rule.schedule, config.constant_rate) == (schedule, 0.0)
    mine = optax.sgd(0.2)
    config = TrainConfig.build(optimizer=mine)
    assert config.update_rule.at(config.constant_rate) is mine


def test_a_run_has_the_configuration_object_that_it_was_given(net, clusters):
    config = TrainConfig.build("backprop", batch_size=12)
    training = Trainer(net, as_samples(net.architecture, clusters), config)
    assert training.config is config
    assert training.result(training.start).settings is config


@pytest.mark.parametrize(
    ("changes", "error", "said"),
    [
        ({"seed": "0"}, InvalidInput, "seed is '0'"),
        ({"seed": True}, InvalidInput, "seed is True"),
        ({"seed": 2.0}, InvalidInput, "seed is 2.0"),
        ({"seed": 10**400}, TypeError, "seed is 1000"),
        ({"batch_size": 0}, InvalidInput, "batch_size is 0"),
        ({"learning_rate": [1], "schedule": None}, InvalidInput, "learning_rate is "),
        ({"gradient": 3}, TypeError, "gradient is 3, not str"),
        ({"gradient_options": 3}, TypeError, "gradient_options is 3"),
        ({"gradient_options": {"directions": 0}}, InvalidInput, "directions is 0"),
        ({"gradient_options": {"speed": 1}}, InvalidInput, "no option of 'spsa'"),
        ({"optimizer": "adamm"}, InvalidInput, "did you mean 'adam'"),
        ({"sampling": "epoch"}, InvalidInput, "did you mean 'epochs'"),
        ({"schedule": "rising"}, InvalidInput, "there is no schedule 'rising'"),
        ({"schedule": {"name": "linear"}}, TypeError, "missing"),
        ({"early_stopping": 3}, TypeError, "a EarlyStopping is 3"),
        ({"validation_split": None}, InvalidInput, "needs validation samples"),
        ({"speed": 1}, TypeError, "unexpected settings: speed"),
        ({"custom_optimizer": None}, TypeError, "unexpected settings: custom_optim"),
    ],
)
def test_an_invalid_field_of_a_file_is_reported(changes, error, said):
    with pytest.raises(error, match=said):
        TrainConfig.from_dict(known(**changes))


@pytest.mark.parametrize("name", ["gradient", "optimizer", "seed", "batch_size"])
def test_a_missing_field_of_a_file_is_reported(name):
    about = known()
    del about[name]
    with pytest.raises(TypeError, match=f"missing .*{name}"):
        TrainConfig.from_dict(about)


def test_an_option_that_an_older_file_lacks_is_off():
    about = known()
    for name in ("clip_norm", "validation_split", "early_stopping", "schedule"):
        del about[name]
    read = TrainConfig.from_dict(about)
    assert (read.clip_norm, read.early_stopping, read.schedule) == (None, None, None)


def test_only_object_fields_are_left_out_of_files():
    names = {field.name for field in fields(TrainConfig)}
    objects = {"custom_optimizer", "custom_schedule", "custom_method"}
    assert names - TrainConfig.build().to_dict().keys() == objects
