"""Training on one's own labels and corrections, from a shipped model or from labels and descriptions alone."""
