"""The compiled training step and sampler on any XLA client: on a GPU without TensorFlow.

1. `python -m benchmarks.gpu.lower --output_dir=DIR`, with TensorFlow, on any machine;
2. `python -m benchmarks.gpu.run --input_dir=DIR`, with JAX and PyTorch, where the GPU is.
"""
