"""Answers requests from a SavedModel with TensorFlow alone, as any user of it would.

    python saved_model_alone.py SAVED_MODEL REQUESTS.npz ANSWERS.npz

Not a test: `test_saved_model.py` runs it in a process of its own. Arrays are named
`signature/input` and `runtime/signature/output`, where the runtimes are `tf.saved_model.load` and
the session that TF Serving runs a model in.
"""

import importlib.abc
import sys

# (TensorFlow itself needs Keras.)
BLOCKED = ("tfglow", "export", "tensorflow_probability")


class Blocker(importlib.abc.MetaPathFinder):
    """As if nothing but TensorFlow were installed."""

    def find_spec(self, name, path=None, target=None):
        if name.split(".")[0] in BLOCKED:
            raise ModuleNotFoundError(f"No module named {name!r} here")
        return None


def main(saved_model: str, requests: str, answers: str) -> None:
    sys.meta_path.insert(0, Blocker())
    import numpy as np
    import tensorflow as tf

    asked = {}
    with np.load(requests) as arrays:
        for key in arrays:
            signature, name = key.split("/")
            asked.setdefault(signature, {})[name] = arrays[key]

    answered = {}
    loaded = tf.saved_model.load(saved_model)
    for signature, inputs in asked.items():
        tensors = {name: tf.constant(value) for name, value in inputs.items()}
        for name, tensor in loaded.signatures[signature](**tensors).items():
            answered[f"load/{signature}/{name}"] = tensor.numpy()
    with tf.Graph().as_default(), tf.compat.v1.Session() as session:
        graph = tf.compat.v1.saved_model.loader.load(session, ["serve"], saved_model)
        outputs, feeds = {}, {}
        for signature, inputs in asked.items():
            definition = graph.signature_def[signature]
            for name, info in definition.outputs.items():
                outputs[f"session/{signature}/{name}"] = info.name
            feeds |= {definition.inputs[name].name: value for name, value in inputs.items()}
        # All in one run, which optimizes one graph.
        answered |= session.run(outputs, feeds)
    assert not [name for name in sys.modules if name.split(".")[0] in BLOCKED]
    answered = {k: v.astype("S") if v.dtype == object else v for k, v in answered.items()}
    np.savez(answers, **answered)


if __name__ == "__main__":
    main(*sys.argv[1:])
