"""A program that `lower` wrote, on JAX's XLA client."""

import json
import time
from pathlib import Path

import jax
import ml_dtypes
import numpy as np
from jax._src import xla_bridge
from jax._src.lib import xla_client
from jaxlib import _jax

# Step counters are int64.
jax.config.update("jax_enable_x64", True)


class HloProgram:
    """An HLO module with its parameters, run step by step: results replace what they update.

    Args:
      folder: The folder that `lower` wrote.
      name: The program's, "train" or "sample".
    """

    def __init__(self, folder: Path, name: str):
        description = json.loads((folder / f"{name}.json").read_text(encoding="utf-8"))
        self._updates = description["updates"]
        updating = {result for result, _ in self._updates}
        computation = xla_client.XlaComputation((folder / f"{name}.hlo").read_bytes())
        backend = xla_bridge.get_backend()
        self.device = jax.devices()[0]
        start = time.perf_counter()
        self._executable = backend.compile_and_load(
            _jax.mlir.xla_computation_to_mlir_module(computation),
            _jax.DeviceList((self.device,)),
            xla_client.CompileOptions(),
        )
        # By the clock.
        self.compile_seconds = time.perf_counter() - start
        saved = np.load(folder / f"{name}.npz")
        rng = np.random.default_rng(0)
        self._arguments = [
            jax.device_put(_value(parameter, saved, str(index), rng), self.device)
            for index, parameter in enumerate(description["parameters"])
        ]
        self._is_result = lambda index: index not in updating

    def run(self) -> list[np.ndarray]:
        """Runs once, to its end; the results that update nothing, flat."""
        results = self._executable.execute_sharded(self._arguments)
        arrays = [shards[0] for shards in results.disassemble_into_single_device_arrays()]
        for result, parameter in self._updates:
            self._arguments[parameter] = arrays[result]
        jax.block_until_ready(arrays)
        return [np.asarray(a) for index, a in enumerate(arrays) if self._is_result(index)]


def _value(parameter, saved, key, rng):
    dtype = getattr(ml_dtypes, parameter["dtype"], None) or np.dtype(parameter["dtype"])
    if parameter["kind"] == "saved":
        return saved[key].astype(dtype)
    values = rng.standard_normal(parameter["shape"], np.float32) * parameter["deviation"]
    return values.astype(dtype)
