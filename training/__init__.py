"""Recipes that build everything under models/ from public data, and the evaluation that decides whether it ships."""
