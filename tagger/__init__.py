"""Tag the learning outcomes of micro-credentials with SDGs, skills, Bloom and framework levels, offline and with evidence.

>>> from tagger.tagging import Tagger
>>> from tagger.catalogue import read_catalogue
"""

__all__ = ["__version__"]

__version__ = "0.1.0"
