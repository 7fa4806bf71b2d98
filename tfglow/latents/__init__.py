"""Ways through the latent space: between images, and along attributes (section 6)."""

from tfglow.latents.attribute_directions import AttributeDirections
from tfglow.latents.attribute_table import read_attribute_table
from tfglow.latents.interpolation import interpolate

__all__ = ["AttributeDirections", "interpolate", "read_attribute_table"]
