"""The report's front matter: first pages, the Korean summary, the glossary, and the commands under every page."""
