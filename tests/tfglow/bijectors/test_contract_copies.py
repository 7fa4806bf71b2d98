"""What every bijector of tfglow promises of its copies."""

import copy
import pickle

import numpy as np
import pytest
import tensorflow as tf

from tests.random_glow import randomize
from tests.tfglow.bijectors.contract import CASES, ModuleNetwork
from tfglow.bijectors import AdditiveCoupling, AffineCoupling

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


def test_a_view_is_copied_with_its_values():
    steps = CASES["steps_affine_lu"].bijector()
    x, _ = CASES["steps_affine_lu"].inputs()
    view = unpickled(steps[1])
    np.testing.assert_array_equal(view.forward(x), steps[1].forward(x))
