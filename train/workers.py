"""The workers that train a run together, as TF_CONFIG names them."""

import json
import os
from typing import Any


def check_tf_config() -> None:
    """Refuses an environment that does not say which of the workers this process is.

    Raises:
      ValueError: If TF_CONFIG is not there, or is not as TensorFlow has it.
    """
    text = os.environ.get("TF_CONFIG", "")
    try:
        _check_cluster(json.loads(text))
    except (ValueError, KeyError, TypeError) as error:
        raise ValueError(
            "`strategy` = 'multi_worker_mirrored' needs the environment variable TF_CONFIG, such "
            'as {"cluster": {"worker": ["host1:2222", "host2:2222"]}, "task": {"type": "worker", '
            f'"index": 0}}}}; got {text!r}.'
        ) from error


def _check_cluster(config: Any) -> None:
    """Raises one of many errors if TF_CONFIG does not say which of its workers this is."""
    task = config["task"]
    addresses = config["cluster"][task["type"]]
    if not 0 <= int(task["index"]) < len(addresses):
        raise ValueError
