"""What is done with either package: each scenario gives a value or raises, and both are compared.

A room for each subject; every room that stands here is opened, which puts its scenarios on the list. Runs inside the
environment of either package; standard library only.
"""

from importlib import import_module
from pkgutil import iter_modules

from tests.parity.scenarios.catalogue import SCENARIOS

__all__ = ["SCENARIOS"]

for room in iter_modules(__path__):
    import_module(f"{__name__}.{room.name}")
