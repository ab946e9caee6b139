"""Making embeddings and models small: the embedding store, linear floors, autoencoders and their grids."""
