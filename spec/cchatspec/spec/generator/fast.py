"""Renders `fast.py`: a codec specialised to each layout.

A rendered function takes the usual case straight to a result and hands everything else to Construct, so it never refuses
anything itself. `parsers` and `builders` render the functions; this module puts the generated module together.
"""

from __future__ import annotations

from ..model import Group, Layouts
from .builders import render_builder
from .naming import class_name, exploded
from .parsers import render_parser
from .tables import FORMATS, Structs

_IMPORTS = """\
from __future__ import annotations

from collections.abc import Callable
from struct import Struct, error
from typing import Any, Final

from cchatspec.spec.generated.messages import (
{names}
)
from cchatspec.spec.interpretive import build_by_construct, parse_by_construct
from cchatspec.spec.message import Message
from cchatspec.spec.structs import packers, readers, unpackers
"""

_API = '''\
def parse(code: int, payload: bytes) -> Message:
    """The message of a whole payload.

    Raises:
        MalformedPayload: the payload departs from the layout of its type.
        UnknownType: no message has this type.
    """
    try:
        return PARSERS[code](payload)
    except KeyError:
        return parse_by_construct(code, payload)


def build(message: Message) -> bytes:
    """The whole frame of a message, header included.

    Raises:
        BuildError: a value does not fit the layout.
    """
    try:
        return BUILDERS[type(message)](message)
    except (AttributeError, LookupError, TypeError, ValueError, OverflowError, error):
        return build_by_construct(message)'''


def render_fast(layouts: Layouts) -> str:
    """The module with a parser and a builder for each message, their tables, and `parse` and `build`."""
    structs = Structs()
    header = [FORMATS[layouts.header.length.size], FORMATS[layouts.header.type.size]]
    functions = []
    for message in layouts.messages:
        functions.append(render_parser(message, structs))
        functions.append(render_builder(message, structs, header))
    groups = {class_name(f.label) for m in layouts.messages for f in m.fields if isinstance(f, Group)}
    names = sorted({class_name(message.name) for message in layouts.messages} | groups)
    constants = [f"_{m.name} = {class_name(m.name)}()" for m in layouts.messages if not m.fields]
    parts = [
        '"""A codec specialised to each layout; whatever is unusual is decided by Construct."""\n\n'
        + _IMPORTS.format(names="\n".join(f"    {name}," for name in names))
        + "\n"
        + "\n".join([*structs.declarations(), *constants]),
        *functions,
        _tables(layouts),
        _API,
    ]
    return "\n\n\n".join(parts) + "\n"


def _tables(layouts: Layouts) -> str:
    parsers = [f"0x{m.code:02X}: _parse_{m.name.lower()}" for m in layouts.messages]
    builders = [f"{class_name(m.name)}: _build_{m.name.lower()}" for m in layouts.messages]
    return "\n".join(
        [
            exploded("PARSERS: Final[dict[int, Callable[[bytes], Message]]] = {", parsers, "}"),
            exploded("BUILDERS: Final[dict[type[Message], Callable[[Any], bytes]]] = {", builders, "}"),
        ]
    )
