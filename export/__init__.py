"""Publishing a trained Glow as a SavedModel that TF Serving serves.

An application run from a checkout: `python export/main.py --run_dir=RUN --export_dir=BASE`.
"""
