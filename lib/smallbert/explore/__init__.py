"""What analysts do in ``notebooks/explore.ipynb``; needs the extra ``explore`` (ipywidgets)."""
