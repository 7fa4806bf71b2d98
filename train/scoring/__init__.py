"""What `train/score.py` is made of: images in, numbers and pictures out, a batch at a time."""
