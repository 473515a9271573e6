"""A file of settings in YAML, read without trust in it."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import yaml

from codeclm.errors import UsageError

__all__ = ["read_yaml", "yaml_text"]

MAX_FILE_BYTES = 1 << 20


class _PlainLoader(yaml.SafeLoader):
    """Safe YAML without aliases: a short file cannot unfold into a huge one; no key twice."""

    def compose_node(self, parent: Any, index: Any) -> Any:
        if self.check_event(yaml.AliasEvent):
            raise yaml.YAMLError("aliases (*name) are not supported")
        return super().compose_node(parent, index)

    def construct_mapping(self, node: yaml.MappingNode, deep: bool = False) -> dict[Any, Any]:
        names = [key.value for key, _ in node.value]
        for name in names:
            if names.count(name) > 1:
                raise yaml.YAMLError(f"{name!r} is given twice (line {node.start_mark.line + 1})")
        return super().construct_mapping(node, deep)


def read_yaml(file: Path) -> dict[str, Any]:
    """The settings in ``file``, none where it is empty. Raises UsageError, in one line, where it holds no mapping."""
    try:
        if file.stat().st_size > MAX_FILE_BYTES:
            raise UsageError(f"{file}: larger than {MAX_FILE_BYTES >> 20} MB; no settings file")
        tree = yaml.load(file.read_bytes().decode("utf-8-sig"), Loader=_PlainLoader)  # noqa: S506
    except OSError as error:
        raise UsageError(f"{file}: cannot be read ({error.strerror or error})") from None
    except (yaml.YAMLError, ValueError, RecursionError) as error:
        raise UsageError(f"{file}: not YAML ({' '.join(str(error).split())})") from None
    if tree is None:
        return {}
    if not isinstance(tree, dict):
        raise UsageError(f"{file}: not a mapping of settings (models:, method:, ...)")
    return tree


def yaml_text(tree: dict[str, Any]) -> str:
    """``tree`` as YAML, in ASCII: whatever its texts hold is quoted, and nothing in them ends a document."""
    return yaml.safe_dump(tree, sort_keys=False, allow_unicode=False, width=1_000_000)
