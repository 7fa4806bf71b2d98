"""The embedded server: the services, the version manager and the scheduler on one gRPC port."""

import asyncio
import contextlib
import logging
import threading
import time
import weakref
from collections.abc import Coroutine
from pathlib import Path
from typing import Any, TypeVar

import grpc
import tensorflow as tf
from grpc_health.v1 import health, health_pb2, health_pb2_grpc
from grpc_reflection.v1alpha import reflection, reflection_pb2_grpc
from tensorflow_serving.apis import (
    model_service_pb2,
    model_service_pb2_grpc,
    prediction_service_pb2,
    prediction_service_pb2_grpc,
)

from serving.embedded.batching import Scheduler
from serving.embedded.config import ServerConfig
from serving.embedded.lasting_server import LastingServer
from serving.embedded.limits import BytesInFlight, RequestLimits
from serving.embedded.listening import why_not
from serving.embedded.memory import MemoryReturner
from serving.embedded.metrics import Metrics
from serving.embedded.off_loop import OffLoop
from serving.embedded.predictor import Predictor
from serving.embedded.request_checks import RequestError
from serving.embedded.request_gate import RequestGate
from serving.embedded.rest_api import RestApi
from serving.embedded.rest_server import RestServer
from serving.embedded.servable import Servable, warm_up
from serving.embedded.service import ModelService, PredictionService
from serving.embedded.text_protos import server_credentials
from serving.embedded.traffic import Traffic
from serving.embedded.unregistered_methods import UnregisteredMethods
from serving.embedded.versions import VersionManager

_T = TypeVar("_T")
_log = logging.getLogger(__name__)
_SERVICES = [
    service.full_name
    for file in (prediction_service_pb2, model_service_pb2)
    for service in file.DESCRIPTOR.services_by_name.values()
]
_PREDICT = "/tensorflow.serving.PredictionService/Predict"
_ANY_BYTES = 2**62
# When the server stops: how long calls are answered that still come, and how long none must have
# come before gRPC stops.
_OPEN_SECONDS = 1.0
_QUIET_SECONDS = 0.05
# Calls at the same time, most of them not yet read; gRPC holds twice as many, so that there is room
# for health and for refusals.
_MAX_CALLS = 2048


class EmbeddedServer:
    """Serves the newest version in a folder over TF Serving's gRPC protocol.

    Calls are coroutines on one event loop, in a thread of its own: waiting costs no thread, so
    health and status answer under any load. The graph runs in the scheduler's threads.
    """

    def __init__(self, config: ServerConfig):
        """Binds the ports; nothing is loaded or answered before `start`.

        Raises:
          ValueError: If a port is taken, or the TLS files are not what they should be.
        """
        self._config = config
        self._stopped = False
        self.metrics = Metrics()
        self._scheduler = Scheduler(
            config.batching, config.max_waiting_requests, self.metrics.observe_batch
        )
        self._in_flight = BytesInFlight(config.max_bytes_in_flight)
        self._predictor = Predictor(self._scheduler, self._in_flight, config.max_request_rows)
        self._off_loop = OffLoop()
        self._memory = MemoryReturner()
        self._traffic = Traffic()
        self._model_limits: weakref.WeakKeyDictionary[Servable, RequestLimits] = (
            weakref.WeakKeyDictionary()
        )
        self._versions = VersionManager(
            config.model_name,
            config.model_base_path,
            self._load,
            config.max_num_load_retries,
            config.load_retry_interval_micros / 1e6,
            config.load_timeout_seconds,
            self._on_change,
        )
        self._health = health.aio.HealthServicer()
        self._grpc = LastingServer(self._make_grpc_server)
        self._loop = asyncio.new_event_loop()
        self._loop_thread = threading.Thread(
            target=self._loop.run_forever, name="grpc", daemon=True
        )
        self._loop_thread.start()
        self.metrics_port: int | None = None
        self._rest_api: RestApi | None = None
        self._rest: RestServer | None = None
        with contextlib.ExitStack() as stack:
            stack.callback(self.stop, 0.0)
            self.port = self._await(self._bind())
            if config.rest_api_port is not None:
                self._rest_api = self._build_rest_api()
                self._rest = RestServer(config.host, config.rest_api_port, self._rest_api.answer)
                if config.ssl_config_file is not None:
                    _log.warning("`ssl_config_file` is for gRPC alone: REST is not encrypted")
            if config.metrics_port is not None:
                self.metrics_port = self.metrics.serve(config.host, config.metrics_port)
            stack.pop_all()

    @property
    def address(self) -> str:
        """Where clients connect."""
        return _join(self._config.host, self.port)

    @property
    def rest_address(self) -> str | None:
        """Where REST clients connect; None if they cannot."""
        return None if self._rest is None else _join(self._config.host, self._rest.port)

    def start(self) -> None:
        """Loads the newest version, then answers; early clients wait in the meantime."""
        self._memory.start()
        self._versions.start(self._config.file_system_poll_wait_seconds)
        if self._stopped:
            return
        try:
            self._await(self._grpc.start())
            if self._rest is not None:
                self._await(self._rest.start())
        except Exception:
            if not self._stopped:  # Then it is the end of all, not of this alone.
                raise

    def stop(self, seconds: float) -> bool:
        """Stops accepting, finishes what it has; returns whether all of it ended in time."""
        if self._stopped:
            return True
        self._stopped = True
        end = time.monotonic() + seconds
        self._await(self._drain(seconds))
        self._await(self._grpc.stop(max(0.0, end - time.monotonic())))
        if self._rest is not None:
            self._await(self._rest.stop(max(0.0, end - time.monotonic())))
        done = self._scheduler.stop(max(0.0, end - time.monotonic()))
        done &= self._versions.stop(max(0.0, end - time.monotonic()))
        self.metrics.stop()
        self._off_loop.stop()
        if self._rest_api is not None:
            self._rest_api.close()
        self._memory.stop()
        self._loop.call_soon_threadsafe(self._loop.stop)
        self._loop_thread.join()
        if done:
            self._loop.close()
        return done

    def _await(self, coroutine: Coroutine[Any, Any, _T]) -> _T:
        return asyncio.run_coroutine_threadsafe(coroutine, self._loop).result()

    async def _bind(self) -> int:
        await self._set_health(None)
        return await self._grpc.bind(self._config.port)

    def _make_grpc_server(self, port: int) -> tuple[grpc.aio.Server, int]:
        config = self._config
        gate = RequestGate(
            self._limits,
            self._in_flight,
            self._off_loop,
            self._traffic,
            self.metrics,
            _MAX_CALLS,
        )
        server = grpc.aio.server(
            interceptors=[gate],
            maximum_concurrent_rpcs=2 * _MAX_CALLS,
            options=[
                # Otherwise a second server binds the same port, and each gets half the requests.
                ("grpc.so_reuseport", 0),
                # Every method's, and before the message is read: the gate knows smaller ones.
                ("grpc.max_receive_message_length", config.max_request_bytes),
                ("grpc.max_send_message_length", -1),
                *config.grpc_channel_arguments,
            ],
        )
        predictions = PredictionService(
            self._versions, self._predictor, self._off_loop, self.metrics
        )
        models = ModelService(config.model_name, self._versions, self.metrics)
        services = UnregisteredMethods(server)
        prediction_service_pb2_grpc.add_PredictionServiceServicer_to_server(predictions, services)
        model_service_pb2_grpc.add_ModelServiceServicer_to_server(models, services)
        health_pb2_grpc.add_HealthServicer_to_server(self._health, services)
        names = [*_SERVICES, health.SERVICE_NAME, reflection.SERVICE_NAME]
        reflection_pb2_grpc.add_ServerReflectionServicer_to_server(
            reflection.aio.ReflectionServicer(names), services
        )
        address = _join(config.host, port)
        try:
            if config.ssl_config_file is None:
                return server, server.add_insecure_port(address)
            credentials = server_credentials(config.ssl_config_file)
            return server, server.add_secure_port(address, credentials)
        except RuntimeError as error:
            unknown = "gRPC does not say why"
            if config.ssl_config_file is not None:
                unknown = f"gRPC does not take what {config.ssl_config_file} says of TLS"
            reason = why_not(config.host, config.port) or unknown
            raise ValueError(f"cannot listen on {address}; {reason}") from error

    async def _drain(self, seconds: float) -> None:
        """Answers what has arrived, and turns away what comes later.

        gRPC cancels the calls that it has taken and not yet handed on when it is stopped: it is
        stopped once there are none. Calls that come at first are answered too, since who sent them
        could not know.
        """
        await self._health.enter_graceful_shutdown()
        now = time.monotonic()
        end = now + seconds
        open_until = min(end, now + _OPEN_SECONDS)
        while time.monotonic() < open_until and self._traffic.quiet_seconds < _QUIET_SECONDS:
            await asyncio.sleep(_QUIET_SECONDS / 5)
        self._traffic.close()
        while time.monotonic() < end and self._traffic.under_way:
            await asyncio.sleep(_QUIET_SECONDS / 5)
        # Clients that were turned away may come back at once: not for ever.
        end = min(end, time.monotonic() + _OPEN_SECONDS)
        while time.monotonic() < end and self._traffic.quiet_seconds < _QUIET_SECONDS:
            await asyncio.sleep(_QUIET_SECONDS / 5)

    def _build_rest_api(self) -> RestApi:
        config = self._config
        return RestApi(
            config.model_name,
            self._versions,
            self._predictor,
            self._in_flight,
            self._traffic,
            self.metrics,
            max_bytes=config.max_request_bytes,
            timeout_seconds=config.rest_api_timeout_in_ms / 1000,
            cors=config.rest_api_enable_cors_support,
        )

    def _load(self, version: int, folder: Path) -> Servable:
        config = self._config
        session_config = tf.compat.v1.ConfigProto(
            intra_op_parallelism_threads=config.tensorflow_intra_op_parallelism,
            inter_op_parallelism_threads=config.tensorflow_inter_op_parallelism,
        )
        session_config.gpu_options.allow_growth = True
        servable = Servable(version, folder, session_config)
        if config.enable_model_warmup:
            try:
                count = warm_up(servable, folder, config.max_request_rows)
            except BaseException:
                servable.close()
                raise
            _log.info("version %d is warm after %d recorded requests", version, count)
        self._model_limits[servable] = self._limits_of(servable)
        return servable

    def _limits_of(self, servable: Servable) -> RequestLimits:
        config, signatures = self._config, servable.signatures()
        limits = RequestLimits.of_model(
            signatures, self._predictor.max_rows, config.max_request_bytes
        )
        one_row = RequestLimits.of_model(signatures, 1, _ANY_BYTES).max_bytes
        if one_row > limits.max_bytes:
            _log.warning(
                "one row of version %d may take %d bytes, and a request only %d: raise "
                "--max_request_bytes",
                servable.version,
                one_row,
                limits.max_bytes,
            )
        else:
            _log.info(
                "version %d takes requests of up to %d bytes", servable.version, limits.max_bytes
            )
        return limits

    def _limits(self, method: str) -> RequestLimits:
        """The limits of a method's messages: the model's for predictions, small ones for others."""
        config = self._config
        if method != _PREDICT:
            return RequestLimits.small()
        try:
            with self._versions.lease(config.model_name, None) as servable:
                return self._model_limits[servable]
        except RequestError:  # Without a model, the answer is that there is none.
            return RequestLimits.of_model((), config.max_request_rows, config.max_request_bytes)

    def _on_change(self, states: dict[int, int], current: int | None) -> None:
        self.metrics.observe_versions(states, current)
        if self._stopped:  # NOT_SERVING, and the loop may be gone.
            return
        asyncio.run_coroutine_threadsafe(self._set_health(current), self._loop)

    async def _set_health(self, current: int | None) -> None:
        status = health_pb2.HealthCheckResponse
        serving = status.NOT_SERVING if current is None else status.SERVING
        for service in ("", self._config.model_name, *_SERVICES):
            await self._health.set(service, serving)


def _join(host: str, port: int) -> str:
    return f"[{host}]:{port}" if ":" in host else f"{host}:{port}"
