"""What every bijector of tfglow promises of its copies."""

import copy
import functools
import pickle

import numpy as np
import pytest
import tensorflow as tf

from tests.random_glow import randomize
from tests.tfglow.bijectors.contract import CASES, ModuleNetwork, keras_network
from tfglow.bijectors import ActNorm, AdditiveCoupling, AffineCoupling

# Keras 3.15 copies and pickles with np.array(variable), of which NumPy 2 warns.
pytestmark = [
    pytest.mark.filterwarnings("ignore:__array__ implementation:DeprecationWarning"),
    pytest.mark.slow,
]


def unpickled(value):
    return pickle.loads(pickle.dumps(value))


DUPLICATES = pytest.mark.parametrize("duplicate", [copy.deepcopy, unpickled])


@DUPLICATES
def test_a_copy_computes_with_the_variables_that_it_shows(case, duplicate):
    bijector = case.fresh("float64")
    x, kwargs = case.inputs(dtype="float64")
    expected = bijector.forward_and_log_det(x, **kwargs)
    values = [variable.numpy() for variable in bijector.variables]
    twin = duplicate(bijector)
    assert type(twin) is type(bijector) and twin.name == bijector.name
    assert list(twin.named_variables) == list(bijector.named_variables)
    assert twin.parameters.keys() == bijector.parameters.keys()
    assert not set(map(id, twin.variables)) & set(map(id, bijector.variables))
    assert [v.trainable for v in twin.variables] == [v.trainable for v in bijector.variables]
    for ours, theirs in zip(twin.variables, values, strict=True):
        np.testing.assert_array_equal(ours, theirs)
    with tf.GradientTape() as tape:
        y, log_det = twin.forward_and_log_det(x, **kwargs)
        loss = tf.reduce_sum(tf.sin(y)) + tf.reduce_sum(log_det)
    np.testing.assert_array_equal(y, expected[0])
    np.testing.assert_array_equal(log_det, expected[1])
    gradients = tape.gradient(loss, twin.trainable_variables)
    assert all(gradient is not None for gradient in gradients)
    # What the copy becomes does not show in the original.
    randomize(twin, seed=1)
    if twin.trainable_variables:
        assert np.any(twin.forward(x, **kwargs) != y)
    for ours, theirs in zip(bijector.variables, values, strict=True):
        np.testing.assert_array_equal(ours, theirs)
    np.testing.assert_array_equal(bijector.forward(x, **kwargs), expected[0])


@DUPLICATES
def test_a_network_that_two_couplings_share_is_shared_by_their_copies(duplicate):
    network = ModuleNetwork(2, 2, tf.float32)
    couplings = duplicate([AdditiveCoupling(network), AdditiveCoupling(network)])
    assert couplings[0].network is couplings[1].network is not network


def test_a_function_is_copied_as_what_it_is():
    coupling = copy.deepcopy(AffineCoupling(lambda x1: tf.repeat(x1, 2, axis=-1)))
    x = np.ones([1, 2, 2, 4], np.float32)
    np.testing.assert_allclose(coupling.forward(x)[..., 2:], 2.0 / (1 + np.exp(-3.0)), rtol=1e-6)


class HoldsNetwork:
    """A callable that is no Keras object, and holds one."""

    def __init__(self):
        self.network = keras_network(2, 4, "float32")

    def __call__(self, x1):
        return self.network(x1)


def _run(network, x1):
    return network(x1)


@DUPLICATES
@pytest.mark.parametrize("kind", ["object", "partial"])
def test_a_network_inside_a_callable_is_listed_and_copied(kind, duplicate):
    holds = HoldsNetwork()
    coupling = AffineCoupling(holds if kind == "object" else functools.partial(_run, holds.network))
    assert len(coupling.trainable_variables) == len(holds.network.trainable_variables) == 4
    twin = duplicate(coupling)
    assert not set(map(id, twin.variables)) & set(map(id, coupling.variables))
    x = tf.random.stateless_normal([2, 2, 2, 4], [0, 1])
    with tf.GradientTape() as tape:
        loss = tf.reduce_sum(tf.sin(twin.forward(x)))
    assert None not in tape.gradient(loss, twin.trainable_variables)


def test_a_functions_variables_are_listed_and_shared_with_copies():
    network = ModuleNetwork(2, 4, tf.float32)
    coupling = AffineCoupling(lambda x1: network(x1))
    assert set(map(id, coupling.variables)) == set(map(id, network.variables))
    twin = copy.deepcopy(coupling)
    assert set(map(id, twin.variables)) == set(map(id, network.variables))


def test_tfps_copy_carries_the_values_of_what_it_makes(case):
    bijector = case.fresh()
    x, kwargs = case.inputs()
    expected = bijector.forward(x, **kwargs)
    renamed = bijector.copy(name="renamed")
    np.testing.assert_array_equal(renamed.forward(x, **kwargs), expected)


def test_tfps_copy_with_another_seed_or_size_starts_anew():
    conv = CASES["conv_lu"].fresh()
    fresh = conv.copy(seed=5)
    assert np.any(fresh.weight() != conv.weight())
    actnorm = ActNorm(4)
    actnorm.b.assign(tf.ones([4]))
    assert actnorm.copy(num_channels=6).b.shape == (6,)
    np.testing.assert_array_equal(actnorm.copy(dtype=tf.float64).b, np.ones([4]))
    network = ModuleNetwork(2, 2, tf.float32)
    network.bias.assign([1.0, 2.0])
    other = AdditiveCoupling(ModuleNetwork(2, 2, tf.float32)).copy(network=network)
    np.testing.assert_array_equal(other.network.bias, [1.0, 2.0])


def test_a_view_is_copied_with_its_values():
    steps = CASES["steps_affine_lu"].bijector()
    x, _ = CASES["steps_affine_lu"].inputs()
    view = unpickled(steps[1])
    np.testing.assert_array_equal(view.forward(x), steps[1].forward(x))
