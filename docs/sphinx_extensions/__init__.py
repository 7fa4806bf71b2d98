"""What this project adds to Sphinx."""
