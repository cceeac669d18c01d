"""Leaks sessions between dumps; prints a line of JSON a dump: its path, the address of what is leaked.

    leak.py REQUESTS DUMPS NAME
"""

import json
import sys

import heapdiff_dump


class Session:
    def __init__(self, number):
        self.number = number
        self.notes = {}  # stays empty: the collector does not know of it


sessions = []


def serve(requests):
    for number in range(requests):
        sessions.append(Session(number))  # leaks


for _ in range(int(sys.argv[2])):
    serve(int(sys.argv[1]))
    path = heapdiff_dump.dump(sys.argv[3])
    # Flushed, as text that waits to be written is an object, too.
    print(json.dumps({"path": path, "sessions": id(sessions)}), flush=True)
