"""smallbert: how small can a multilingual BERT be made, and what does it cost?"""

__version__ = "0.1.0"
