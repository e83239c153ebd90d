"""Servers that are no C-Chat servers, to test that the judge passes nothing of theirs.

python null_server.py PORT closes|silent|echoes|random|always-error|always-success
"""

import os
import socket
import struct
import sys
import threading

SUCCESSES = {1: b"\x01", 2: b"\x01" + bytes(32), 3: b"\x01" + bytes(32), 4: struct.pack(">IB", 1, 1), 7: b"\x00\x00"}
KEPT: list[socket.socket] = []


def frames(sock: socket.socket) -> None:
    """Answer every frame in the same way."""
    data = b""
    while more := sock.recv(65536):
        data += more
        while len(data) >= 5 and len(data) >= 5 + int.from_bytes(data[:4], "big"):
            length, kind = struct.unpack(">IB", data[:5])
            data = data[5 + length :]
            if sys.argv[2] == "always-error":
                sock.sendall(struct.pack(">IBBH", 3, 0x88, 5, 0))
            elif kind in SUCCESSES:
                sock.sendall(
                    struct.pack(">IB", len(SUCCESSES[kind]), 0x80 | (kind if kind != 7 else 6)) + SUCCESSES[kind]
                )


def serve(sock: socket.socket) -> None:
    try:
        match sys.argv[2]:
            case "closes":
                sock.close()
            case "silent":
                KEPT.append(sock)
            case "echoes":
                while data := sock.recv(65536):
                    sock.sendall(data)
            case "random":
                while sock.recv(65536):
                    sock.sendall(os.urandom(200))
            case _:
                frames(sock)
    except OSError:
        pass


def main() -> None:
    listener = socket.create_server(("127.0.0.1", int(sys.argv[1])), backlog=128)
    while True:
        sock, _ = listener.accept()
        threading.Thread(target=serve, args=(sock,), daemon=True).start()


if __name__ == "__main__":
    main()
