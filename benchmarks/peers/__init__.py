"""Implementations of Glow that are measured against each other, each in a process of its own.

A contestant's module imports what that contestant needs and nothing else, so that one process
holds PyTorch and another TensorFlow. `comparison` starts them and asks them in turn;
`python -m benchmarks.peers` prints the tables.
"""
