"""The names of what an image is scored by."""

# Every score is larger for odder images; what each is says `Detector`.
SCORES = (
    "bits_per_dim",
    "complexity_png",
    "bits_minus_complexity",
    "typicality",
    "density",
)
