"""Lowers the training step and the sampler to HLO, with what another client needs to run them.

    python -m benchmarks.gpu.lower --output_dir=lowered --precision=mixed_bfloat16

writes `train.hlo` and `sample.hlo`, each with `.json` (every parameter's shape, type and how it
starts; which result replaces which parameter) and `.npz` (the values of the small ones: large
kernels are drawn again where they are run). The model is the paper's for CIFAR-10 unless flags
say otherwise.
"""

import argparse
import json
import re
from pathlib import Path

import numpy as np
import tensorflow as tf

import tfglow
from benchmarks.random_batch import random_batch
from export.folded_flow import FoldedFlow
from export.folding import fold
from tfglow import likelihood
from train.config import TrainConfig
from train.state import TrainState
from train.step import TrainStep
from train.strategies import make_strategy

# Elements above which a parameter is drawn again, and not saved.
_SAVED_ELEMENTS = 1 << 14


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--output_dir", required=True)
    parser.add_argument("--levels", type=int, default=3, help="L")
    parser.add_argument("--steps", type=int, default=32, help="K, flow steps a level")
    parser.add_argument("--width", type=int, default=512, help="channels of the hidden layers")
    parser.add_argument("--batch_size", type=int, default=64)
    parser.add_argument("--precision", default="float32", choices=("float32", "mixed_bfloat16"))
    args = parser.parse_args()

    model = tfglow.GlowConfig(
        image_shape=(32, 32, 3),
        levels=args.levels,
        steps=args.steps,
        width=args.width,
        precision=args.precision,
    )
    config = TrainConfig(model=model, batch_size=args.batch_size, average_decay=0.0).resolved()
    strategy = make_strategy("one_device")
    state = TrainState(config, strategy)
    batch = random_batch(args.batch_size, model.image_shape)
    state.initialize(batch)
    step = TrainStep(state, strategy, batch_size=args.batch_size, jit_compile=True)
    folder = Path(args.output_dir)
    folder.mkdir(parents=True, exist_ok=True)
    facts = {**vars(args), "image_shape": list(model.image_shape)}
    facts.pop("output_dir")
    variables = [v.value for v in (*state.glow.weights, *state.optimizer.variables)]

    # Lowering takes tensors as arguments, not dictionaries of them.
    @tf.function(autograph=False, jit_compile=True)
    def train(image, noise, stop):
        return step.function({"image": image, "noise": noise}, stop)["loss"]

    inputs = (batch["image"], batch["noise"], tf.constant(False))
    save(folder, "train", train, inputs, variables, facts)
    sampler, flow, eps = make_sampler(state.glow, args.batch_size)
    save(folder, "sample", sampler, (eps,), flow.variables, facts)


def make_sampler(glow: tfglow.Glow, batch_size: int):
    """uint8 images of ε `[B, D]` at temperature 0.7, by the folded graph that is exported."""
    mixed = glow.config.precision == "mixed_bfloat16"
    flow = FoldedFlow(fold(glow.flow), network_dtype=tf.bfloat16 if mixed else tf.float32)

    @tf.function(autograph=False, jit_compile=True)
    def sample(eps):
        return likelihood.quantize(flow.inverse(0.7 * eps), glow.config.num_bits)

    return sample, flow, tf.random.stateless_normal([batch_size, glow.config.num_dims], [0, 2])


def save(folder: Path, name: str, function, inputs: tuple, variables, facts: dict) -> None:
    """Writes `name`.hlo, .json and .npz."""
    get_ir = function.experimental_get_compiler_ir(*inputs)
    text = get_ir(stage="hlo")
    captured = function.get_concrete_function(*inputs).captured_inputs
    # A captured variable comes as a handle, a captured constant as its value.
    handles = {id(variable.handle): variable for variable in variables}
    values = [*inputs, *(handles.get(id(tensor), tensor) for tensor in captured)]
    # XLA's bridge makes constants of inputs that it finds to be needed as such.
    missing = len(values) - len(parameter_types(text))
    if not 0 <= missing <= len(inputs):
        raise RuntimeError(f"{name}: {-missing} more parameters than inputs and captures.")
    values = values[missing:]
    expected = [hlo_type(value) for value in values]
    if parameter_types(text) != expected:
        raise RuntimeError(f"{name}: parameters {parameter_types(text)}, expected {expected}.")
    parameters, saved = [], {}
    for index, value in enumerate(values):
        array = tf.convert_to_tensor(value).numpy()
        is_bfloat16 = array.dtype.name == "bfloat16"
        how = {"kind": "saved"}
        if array.size > _SAVED_ELEMENTS and index >= len(inputs) - missing:
            deviation = float(np.std(array.astype(np.float32)))
            how = {"kind": "normal", "deviation": deviation}
        else:
            saved[str(index)] = array.astype(np.float32) if is_bfloat16 else array
        parameters.append({"shape": list(array.shape), "dtype": array.dtype.name, **how})
    updates = output_aliases(text)
    (folder / f"{name}.hlo").write_bytes(get_ir(stage="hlo_serialized"))
    np.savez_compressed(folder / f"{name}.npz", **saved)
    description = {"facts": facts, "parameters": parameters, "updates": updates}
    (folder / f"{name}.json").write_text(json.dumps(description), encoding="utf-8")
    print(f"{name}: {len(parameters)} parameters, {len(updates)} of which it updates")


def parameter_types(hlo: str) -> list[str]:
    """Types of the entry computation's parameters, such as `f32[16,3072]`."""
    layout = re.search(r"entry_computation_layout=\{\((.*?)\)->", hlo, re.DOTALL)[1]
    return re.findall(r"\w+\[[\d,]*\]", layout)


def hlo_type(value: tf.Tensor | tf.Variable) -> str:
    """The type that the HLO of `value` has, such as `f32[16,3072]`."""
    dtype = value.dtype
    short = {"bool": "pred", "bfloat16": "bf16"}.get(dtype.name)
    if short is None:
        kind = "f" if dtype.is_floating else "u" if dtype.is_unsigned else "s"
        short = f"{kind}{8 * dtype.size}"
    return f"{short}[{','.join(map(str, value.shape))}]"


def output_aliases(hlo: str) -> list[list[int]]:
    """Pairs of a result and the parameter whose new value it is."""
    aliases = re.search(r"input_output_alias=\{(.*?\)) \}", hlo, re.DOTALL)
    pairs = re.findall(r"\{(\d*)\}: \((\d+), \{\}", aliases[1]) if aliases else []
    return [[int(result or 0), int(parameter)] for result, parameter in pairs]


if __name__ == "__main__":
    main()
