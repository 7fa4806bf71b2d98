"""Lowers the training step and the sampler to HLO, with what another client needs to run them.

    python -m benchmarks.gpu.lower --output_dir=lowered --precision=mixed_bfloat16

writes `train.hlo` and `sample.hlo`, each with `.json` (every parameter's shape, type and how it
starts; which result replaces which parameter) and `.npz` (the values of the small ones: large
kernels are drawn again where they are run). The model is the paper's for CIFAR-10 unless flags
say otherwise.
"""

import dataclasses
import json
import re
from collections.abc import Iterable
from pathlib import Path
from typing import Any

import numpy as np
import tensorflow as tf

import tfglow
from benchmarks.images import random_batch
from benchmarks.models import glow_config, start_training
from benchmarks.sizes import add_size_flags, size_from
from tfglow import likelihood
from tfglow.frozen_flow import FrozenFlow
from tfglow.one_sentence_parser import OneSentenceParser
from train.config import TrainConfig

# Elements above which a parameter is drawn again, and not saved.
_SAVED_ELEMENTS = 1 << 14


def main() -> None:
    parser = OneSentenceParser(description=__doc__)
    parser.add_argument("--output_dir", required=True)
    add_size_flags(parser, default="paper")
    parser.add_argument("--precision", default="float32", choices=("float32", "mixed_bfloat16"))
    parser.add_argument(
        "--scan_steps", action="store_true", help="train with a level's steps as a loop"
    )
    args = parser.parse_args()

    size = size_from(args)
    model = glow_config(size, precision=args.precision, scan_steps=args.scan_steps)
    batch = random_batch(size.batch_size, size.image_shape)
    state, step = start_training(
        TrainConfig(model=model, batch_size=size.batch_size, average_decay=0.0),
        batch,
        jit_compile=True,
    )
    folder = Path(args.output_dir)
    folder.mkdir(parents=True, exist_ok=True)
    facts = {
        **dataclasses.asdict(size),
        "precision": args.precision,
        "scan_steps": args.scan_steps,
    }
    variables = [v.value for v in (*state.glow.weights, *state.optimizer.variables)]

    # Lowering takes tensors as arguments, not dictionaries of them.
    @tf.function(autograph=False, jit_compile=True)
    def train(image, noise, stop):
        return step.function({"image": image, "noise": noise}, stop)["loss"]

    inputs = (batch["image"], batch["noise"], tf.constant(False))
    save(folder, "train", train, inputs, variables, facts)
    sampler, flow, eps = make_sampler(state.glow, size.batch_size)
    save(folder, "sample", sampler, (eps,), flow.variables, facts)


def make_sampler(
    glow: tfglow.Glow, batch_size: int
) -> tuple[tf.types.experimental.PolymorphicFunction, FrozenFlow, tf.Tensor]:
    """What gives uint8 images of ε `[B, D]` at temperature 0.7; its frozen flow, and such an ε."""
    mixed = glow.config.precision == "mixed_bfloat16"
    flow = FrozenFlow(glow.flow, network_dtype=tf.bfloat16 if mixed else tf.float32)

    @tf.function(autograph=False, jit_compile=True)
    def sample(eps):
        return likelihood.quantize(flow.inverse(0.7 * eps), glow.config.num_bits)

    return sample, flow, tf.random.stateless_normal([batch_size, glow.config.num_dims], [0, 2])


def save(
    folder: Path,
    name: str,
    function: tf.types.experimental.PolymorphicFunction,
    inputs: tuple[tf.Tensor, ...],
    variables: Iterable[tf.Variable],
    facts: dict[str, object],
) -> None:
    """Writes `name`.hlo, .json and .npz.

    Args:
      folder: The folder to write in.
      name: The name of the files.
      function: What is lowered.
      inputs: The arguments that the function is lowered for.
      variables: Every variable that it may use.
      facts: What the .json says about the model besides.

    Raises:
      RuntimeError: If the lowered module's parameters are not the inputs and what is captured.
    """
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
        how: dict[str, Any] = {"kind": "saved"}
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
    layout = re.search(r"entry_computation_layout=\{\((.*?)\)->", hlo, re.DOTALL)
    if layout is None:
        raise ValueError("The module has no entry_computation_layout.")
    return re.findall(r"\w+\[[\d,]*\]", layout[1])


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
