import numpy as np
import pytest
import tensorflow as tf

from tests.tfglow.bijectors.contract import CASES
from tfglow.bijectors import ActNorm, AffineCoupling, FlowStep, Invertible1x1Conv
from tfglow.networks import CouplingNetwork


def test_is_actnorm_then_permutation_then_coupling():
    step = CASES["step_affine"].bijector("float64")
    x, _ = CASES["step_affine"].inputs(dtype="float64")
    h, log_det_1 = step.actnorm.forward_and_log_det(x)
    h, log_det_2 = step.permutation.forward_and_log_det(h)
    h, log_det_3 = step.coupling.forward_and_log_det(h)
    y, log_det = step.forward_and_log_det(x)
    # ActNorm and permutation are one map of the channels in the step.
    np.testing.assert_allclose(y, h, rtol=1e-13, atol=1e-15)
    np.testing.assert_allclose(log_det, log_det_1 + log_det_2 + log_det_3, rtol=1e-14)


def test_initialize_goes_layer_by_layer():
    step = CASES["step_affine"].make(dtype=tf.float64, validate_args=False)
    x, _ = CASES["step_affine"].inputs((64,), "float64")
    step.initialize(4.0 * x + 1.0)
    normalised = step.actnorm.forward(4.0 * x + 1.0)
    np.testing.assert_allclose(tf.reduce_mean(normalised, [0, 1, 2]), np.zeros(4), atol=1e-12)
    x1 = step.permutation.forward(normalised)[..., :2]
    hidden = step.coupling.network.conv_1.pre_activation(x1)
    np.testing.assert_allclose(tf.math.reduce_std(hidden, [0, 1, 2]), np.ones(8), rtol=1e-4)


def test_names_of_variables():
    names = set(CASES["step_affine"].bijector().named_variables)
    assert {"actnorm/b", "actnorm/logs", "permutation/lower", "coupling/conv_1/kernel"} <= names


@pytest.mark.parametrize("part", [0, 1, 2])
def test_parts_must_be_bijectors_of_the_same_dtype(part):
    def parts(dtype):
        network = CouplingNetwork(2, 4, 8, dtype=dtype.name)
        return [
            ActNorm(4, dtype=dtype),
            Invertible1x1Conv(4, dtype=dtype),
            AffineCoupling(network, dtype=dtype),
        ]

    mixed = parts(tf.float32)
    mixed[part] = parts(tf.float64)[part]
    name = ("actnorm", "permutation", "coupling")[part]
    with pytest.raises(ValueError, match=f"`{name}` of flow_step.*float32.*float64"):
        FlowStep(*mixed)
    mixed[part] = "a part"
    with pytest.raises(ValueError, match=f"`{name}` of flow_step.*got 'a part'"):
        FlowStep(*mixed)
