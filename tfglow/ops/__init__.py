"""The operations beneath the networks: shapes, patches, products of the channels, the edge."""
