"""A right server: a core without I/O, its store, and the shell that puts them on the network.

`cchatspec.reference.core` is the protocol's part, `server` the asyncio shell, `store` what outlives it, `serving` the program.
"""
