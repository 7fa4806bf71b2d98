"""A model as ONNX files, a signature each."""

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from export.saved_model import Functions
from export.signatures import Signatures
from tfglow.whole_files import replace_file

# The version of the operators: onnxruntime reads it since 1.14 (2023).
OPSET = 18


def write_onnx(
    folder: Path, signatures: Signatures, functions: Functions, records: Mapping[str, Any]
) -> None:
    """Writes `NAME.onnx` for each of `functions`, by tf2onnx.

    The number of rows is `N` in every input and output. Each file holds `records` as JSON, by name,
    in its metadata: `session.get_modelmeta().custom_metadata_map` of onnxruntime. Of the run's
    configuration it is the model's, as `model`: the rest names folders of this machine.
    """
    # Imported here, where it is needed: an extra, and onnx takes a second.
    import onnx
    import tf2onnx

    values = {**records, "model": records["config"]["model"]}
    del values["config"]
    metadata = {key: json.dumps(value) for key, value in values.items()}
    for name in functions:
        function = getattr(signatures, name)
        model, _ = tf2onnx.convert.from_function(
            function,
            input_signature=function.input_signature,
            opset=OPSET,
            custom_op_handlers={"SelectV2": (_select, [])},
        )
        model.graph.name = name
        for tensor in (*model.graph.input, *model.graph.output):
            tensor.type.tensor_type.shape.dim[0].dim_param = "N"
        onnx.helper.set_model_props(model, metadata)
        onnx.checker.check_model(model)
        replace_file(folder / f"{name}.onnx", model.SerializeToString())


def _select(context, node, name, args):
    """tf.where as ONNX's Where: tf2onnx multiplies by 0 and 1, and 0·∞ is no 0."""
    node.type = "Where"
