"""What is found inside bijectors, distributions and functions."""

import functools

import keras
import pytest
import tensorflow as tf
import tensorflow_probability as tfp

from tests.tfglow.keras_layers.held import BIJECTORS, CallsNetwork
from tfglow.bijectors import FlowSteps
from tfglow.held_variables import has_unbuilt_network, held_layers, held_variables

tfb, tfd = tfp.bijectors, tfp.distributions
GLOBAL = tf.Variable(3.0)


def uses_a_global(x):
    return x * GLOBAL


class Method:
    def __init__(self):
        self.scale = tf.Variable(2.0)

    def run(self, x):
        return x * self.scale


@pytest.mark.parametrize("name", BIJECTORS)
def test_only_networks_that_are_called_to_be_built_are_unbuilt(name):
    bijector = BIJECTORS[name][0]()
    assert has_unbuilt_network(bijector) == name.startswith("autoregressive")


def test_a_joint_distribution_of_lists_has_no_network():
    parts = [tfd.Normal(tf.Variable(0.0), 1.0), tfd.Normal(0.0, tf.Variable(1.0))]
    joint = tfd.JointDistributionSequential(parts)
    assert not has_unbuilt_network(joint)
    assert len(held_variables(joint)) == 2


def test_of_functions():
    method, network = Method(), CallsNetwork()
    inner = tf.Variable(1.0)
    assert held_variables(uses_a_global) == [GLOBAL]
    assert held_variables(method.run) == [method.scale]
    assert held_variables(functools.partial(lambda a, x: x * a, inner)) == [inner]
    assert held_variables(tf.function(lambda x: x * inner)) == [inner]
    assert held_variables(lambda x: network(x, 2)) == list(network.network.variables)
    assert held_variables(tf.nn.relu) == [] and held_variables(tf.Variable) == []


def test_of_modules_in_a_fixed_order():
    first, second = FlowSteps(1, 4, width=4), FlowSteps(1, 4, width=4)
    names = [[v.name for v in held_variables(steps)] for steps in (first, second)]
    assert names[0] == names[1] and len(names[0]) == len(first.variables)


def test_layers_are_found_as_attributes_and_arguments_alone():
    [network] = held_layers(BIJECTORS["coupling_keras"][0]())
    assert isinstance(network, keras.Sequential)
    inline = tfb.Inline(forward_fn=lambda x: network(x), forward_min_event_ndims=1)
    assert held_layers(inline) == []
