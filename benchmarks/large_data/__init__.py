"""Reading images where there are many: a folder of 100,000 files, and as many records."""
