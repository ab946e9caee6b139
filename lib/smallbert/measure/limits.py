"""Where a measure stops meaning anything; apart, since it costs nothing to import."""

WORSE_THAN_THE_MEAN = 1.0
"""FVU of the mean predictor: training that ends above it has failed."""
