"""All that seeds or metadata can come from."""

from __future__ import annotations

from codeclm.seeds import MetadataFile, SeedFile, SeedList
from codeclm.stdin import SeedStream

__all__ = ["Source"]

Source = SeedFile | MetadataFile | SeedList | SeedStream
