"""Runs the payload in each of the ways it is made for; prints the files that each left.

    ways.py PAYLOAD FOLDER

By the very calls of the interpreter that pyrasite and sys.remote_exec end in: PyRun_SimpleString, PyRun_String.
"""

import ctypes
import gc
import json
import os
import signal
import sys

PY_FILE_INPUT = 257
payload, folder = sys.argv[1:]
os.chdir(folder)
left = {}


def dump():
    return "the program's own"


def files(way):
    left[way] = sorted(set(os.listdir(folder)) - {name for names in left.values() for name in names})


# pyrasite leaves its file open, which makes the registry.
names = {*globals(), "names", "namespace", "__warningregistry__"}
gc.disable()
ctypes.pythonapi.PyRun_SimpleString(b'exec(open("%s").read())' % os.fsencode(payload))
files("pyrasite")
namespace = ctypes.py_object({})
ctypes.pythonapi.PyRun_String.restype = ctypes.py_object
ctypes.pythonapi.PyRun_String(open(payload, "rb").read(), PY_FILE_INPUT, namespace, namespace)
files("remote_exec")
gc.enable()
assert dump() == "the program's own"
assert names >= set(globals()), set(globals()) - names
assert "heapdiff_dump" not in sys.modules

sys.path.insert(0, os.path.dirname(payload))
import heapdiff_dump

files("import")
heapdiff_dump.install(signal.SIGUSR1)
signal.raise_signal(signal.SIGUSR1)
files("signal")
heapdiff_dump.dump()
files("call")
heapdiff_dump.dump("heapdiff-{pid}-{n}.json.gz")
files("gzip")
os.environ["HEAPDIFF_DUMP"] = "of-{pid}.json"
heapdiff_dump.dump()
files("environment")
print(json.dumps({"pid": os.getpid(), "left": left}))
