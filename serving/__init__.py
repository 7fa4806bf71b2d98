"""Serving: a gRPC client, an embedded server, and TF Serving's own configuration files.

An application run from a checkout (`python serving/client.py`, `python serving/server.py`). The
server imports nothing of tfglow, and the client only its NumPy code: grpcio,
tensorflow-serving-api, NumPy, Pillow and tqdm are all that it needs.
"""
