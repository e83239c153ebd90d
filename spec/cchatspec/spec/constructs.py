"""The two declarations that the generated schemas need and Construct lacks."""

from __future__ import annotations

from io import BytesIO
from typing import Any

from construct import Construct, ConstructError, ListContainer, RangeError, Subconstruct


class CountedGroup(Subconstruct):  # type: ignore[misc]  # Construct has no type information
    """A count and as many entries; unlike PrefixedArray, a path in an error names the index of the entry."""

    def __init__(self, count: Construct, entry: Construct) -> None:
        super().__init__(entry)
        self.count = count

    def _parse(self, stream: BytesIO, context: Any, path: str) -> Any:
        count = self.count._parsereport(stream, context, path)
        return ListContainer(
            self.subcon._parsereport(stream, context, f"{path} -> [{index}]") for index in range(count)
        )

    def _build(self, obj: Any, stream: BytesIO, context: Any, path: str) -> Any:
        self.count._build(len(obj), stream, context, path)
        for index, entry in enumerate(obj):
            self.subcon._build(entry, stream, context, f"{path} -> [{index}]")
        return obj

    def _sizeof(self, context: Any, path: str) -> int:
        raise ConstructError("a counted group has no fixed size", path=path)


class Absent(Construct):  # type: ignore[misc]
    """No bytes and no value: what stands in place of a field whose condition is not met.

    Construct's own `If` builds nothing from a value that must not be there; this refuses it.
    """

    def __init__(self) -> None:
        super().__init__()
        self.flagbuildnone = True

    def _parse(self, stream: BytesIO, context: Any, path: str) -> None:
        return None

    def _build(self, obj: Any, stream: BytesIO, context: Any, path: str) -> None:
        if obj is not None:
            raise RangeError("a value is given, and the field is not there under this condition", path=path)

    def _sizeof(self, context: Any, path: str) -> int:
        return 0


#: The one instance that schemas use.
ABSENT = Absent()
