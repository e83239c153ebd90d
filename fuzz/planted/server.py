"""A small C-Chat server to prove the fuzzer with: right, or with one planted bug. `server.py --help` tells more.

It is written from the protocol alone, in plain struct and epoll, and shares no code with the codec, the reference server, or the
server that the conformance suite is tested with. What it does is in `loop`.
"""

from program import main

main()
