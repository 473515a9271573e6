"""The methods by name. A method is a function that returns a job: a pipeline and its source."""

from __future__ import annotations

from codeclm.methods.codeclm import codeclm

__all__ = ["METHODS"]

METHODS = {"codeclm": codeclm}
