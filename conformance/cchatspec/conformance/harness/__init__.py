"""What stands between a case and the target: peers on plain sockets, the wire log, launching, and what every verdict rests on."""
