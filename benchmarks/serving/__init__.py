"""What is served: an export under load, and the frozen flow that is in it."""
