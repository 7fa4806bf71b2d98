"""Pictures as arrays, without TensorFlow."""
