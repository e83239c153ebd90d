"""Generated from PROTOCOL.md. See `cchatspec.spec.generator`."""
