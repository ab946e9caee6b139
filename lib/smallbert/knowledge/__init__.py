"""Knowledge that no text states: a graph of triples, its embedding, and three ways to give it to an encoder."""
