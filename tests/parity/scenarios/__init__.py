"""The scenarios: each returns a value or raises, and the outcomes of both packages are compared.

There is a module for each subject, which registers its scenarios on import. The modules run in the environments of both
packages, with the standard library only.
"""

from importlib import import_module
from pkgutil import iter_modules

from tests.parity.scenarios.catalogue import SCENARIOS

__all__ = ["SCENARIOS"]

for subject in iter_modules(__path__):
    import_module(f"{__name__}.{subject.name}")
