"""The page's parts, put together."""

from serving.client import GlowClient, TlsConfig
from serving.demo.app import DemoApp
from serving.demo.config import DemoConfig
from serving.demo.served_model import ServedModel
from serving.demo.server import DemoServer
from tfglow.latents import AttributeDirections


def open_demo(config: DemoConfig) -> tuple[GlowClient, ServedModel, DemoServer]:
    """What a configuration asks for; nothing is sent and nothing listens yet.

    Raises:
      ValueError: If a file of the configuration cannot be read.
    """
    directions = AttributeDirections.load(config.directions) if config.directions else None
    files = (config.ca_certificate, config.client_certificate, config.client_key)
    tls = None
    if config.tls or config.server_name or any(files):
        tls = TlsConfig(*files, config.server_name)
    # No retries: the page asks again by itself, and says meanwhile that the server is away.
    client = GlowClient(
        config.server,
        config.model_name,
        version=config.version,
        timeout=config.timeout,
        retries=0,
        tls=tls,
    )
    model = ServedModel(client, directions, config.max_upload_pixels)
    app = DemoApp(model, config.max_upload_bytes)
    allowed = (config.host, *config.allowed_hosts)
    return client, model, DemoServer(app.application(allowed), config.host, config.port)
