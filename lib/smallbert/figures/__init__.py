"""Figures and tables: one function each, drawn from data frames, without torch."""
