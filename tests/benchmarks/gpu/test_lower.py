"""What is read from a lowered module's text."""

import numpy as np
import pytest
import tensorflow as tf

from benchmarks.gpu.lower import hlo_type, output_aliases, parameter_types, save


@pytest.mark.parametrize(
    "dtype, expected",
    [
        ("float32", "f32[2,3]"),
        ("bfloat16", "bf16[2,3]"),
        ("uint8", "u8[2,3]"),
        ("bool", "pred[2,3]"),
    ],
)
def test_hlo_type(dtype, expected):
    assert hlo_type(tf.zeros([2, 3], dtype)) == expected
    assert hlo_type(tf.zeros([], tf.int64)) == "s64[]"


def test_parameters_and_the_variables_they_update():
    variable, factor = tf.Variable([1.0, 2.0]), tf.Variable(3.0)

    @tf.function(autograph=False, jit_compile=True)
    def step(x):
        variable.assign_add(x * factor)
        return tf.reduce_sum(variable)

    text = step.experimental_get_compiler_ir(tf.zeros([2]))(stage="hlo")
    captured = step.get_concrete_function(tf.zeros([2])).captured_inputs
    place = 1 + next(i for i, t in enumerate(captured) if t is variable.handle)
    assert sorted(parameter_types(text)) == ["f32[2]", "f32[2]", "f32[]"]
    assert output_aliases(text) == [[1, place]]


def test_large_values_are_left_to_be_drawn(tmp_path):
    large = tf.Variable(tf.random.normal([200, 200], stddev=0.05))
    function = tf.function(lambda x: x + tf.reduce_sum(large), autograph=False, jit_compile=True)
    save(tmp_path, "sum", function, (tf.ones([2]),), [large], {})
    with np.load(tmp_path / "sum.npz") as saved:
        assert [saved[name].shape for name in saved.files] == [(2,)]
    assert {path.name for path in tmp_path.iterdir()} == {"sum.hlo", "sum.json", "sum.npz"}
