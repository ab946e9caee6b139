"""What each notebook does: corpus, models, compression and measures put together, tables out."""
