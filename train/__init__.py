"""The training program; `train_and_evaluate` in `train.run` is where it starts."""
