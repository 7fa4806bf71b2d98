"""Serving: a gRPC client, an embedded server, and TF Serving's own configuration files.

An application run from a checkout (`python serving/client.py`, `python serving/server.py`); it
does not import tfglow, so the client needs grpcio, tensorflow-serving-api, NumPy, Pillow and tqdm.
"""
