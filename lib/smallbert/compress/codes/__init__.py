"""Codes for vectors: so many bytes each, and what a search makes of them. One idea a file."""
