"""Past one machine: the same jobs over the workers of a cluster. What they share is a folder that all of them see."""
