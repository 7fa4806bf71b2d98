"""The training program; `train_and_evaluate` in `train.train` is where it starts."""
