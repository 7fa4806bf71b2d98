"""A small server of TF Serving's gRPC protocol, for machines without `tensorflow_model_server`."""
