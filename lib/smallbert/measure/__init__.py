"""What compression keeps and what it costs: measures of vectors, and the statistics to compare them by."""
