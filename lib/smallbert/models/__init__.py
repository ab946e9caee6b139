"""Tokenizers, encoders and the loop that pretrains them."""
