"""`python serving/server.py --model_base_path=BASE`: the embedded server.

It speaks TF Serving's gRPC protocol where there is no `tensorflow_model_server`.
"""

import gc
import logging
import os
import signal
import sys
import threading
import time

from serving.quiet import naming_missing, quiet_standard_error
from tfglow.tensorflow_log import start_tensorflow

_log = logging.getLogger("serving")


def main(argv: list[str] | None = None) -> int:
    """Serves until SIGTERM or SIGINT; returns the exit status."""
    with naming_missing():
        from serving.embedded.flags import parse_server_flags
    config = parse_server_flags(argv)
    logging.basicConfig(level=logging.INFO, format="%(asctime)s %(levelname)s %(message)s")
    stopping = threading.Event()
    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, lambda *_: stopping.set())

    # TensorFlow takes seconds to import: flags are checked and signals heard before.
    with naming_missing():
        start_tensorflow()
        from serving.embedded.server import EmbeddedServer
    # What TensorFlow's import left need never be looked at again: collecting an old version's
    # graph then takes milliseconds, not the third of a second that would hold every request.
    gc.collect()
    gc.freeze()

    # The event loop, which answers everybody, waits that long for each turn of Python's lock.
    sys.setswitchinterval(0.0005)

    try:
        with quiet_standard_error():  # gRPC's own words about a taken port.
            server = EmbeddedServer(config)
    except ValueError as error:
        print(f"error: {error}", file=sys.stderr)
        return 1
    # In a thread: a signal is heard between Python's instructions, and loading may be one for long.
    starter = threading.Thread(target=server.start, name="start", daemon=True)
    starter.start()
    while starter.is_alive() and not stopping.is_set():
        starter.join(0.05)
    if not stopping.is_set():
        print(f"{config.model_name} is served at {server.address}", flush=True)
        if server.rest_address is not None:
            models = f"http://{server.rest_address}/v1/models"
            print(f"REST at {models}/{config.model_name}", flush=True)
        if server.metrics_port is not None:
            print(f"metrics at http://{config.host}:{server.metrics_port}/metrics", flush=True)
    stopping.wait()
    _log.info("stopping; requests under way have %g s", config.shutdown_grace_seconds)
    started = time.monotonic()
    finished = server.stop(config.shutdown_grace_seconds)
    _log.info("stopped after %.1f s", time.monotonic() - started)
    if not finished or starter.is_alive():
        # A computation or a load that ignores its end must not hold the process.
        _log.warning("what was still under way was dropped")
        logging.shutdown()
        os._exit(0)
    return 0


if __name__ == "__main__":
    # An exported Glow's weights never change: oneDNN may lay them out once, not at every call. Not
    # in `main`: in a process that does anything else with TensorFlow it would be wrong.
    os.environ.setdefault("TF_ONEDNN_ASSUME_FROZEN_WEIGHTS", "1")
    sys.exit(main())
