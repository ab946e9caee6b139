"""Task metrics, equal to the official scorers: spans as SQuAD's scripts, entities as seqeval."""
