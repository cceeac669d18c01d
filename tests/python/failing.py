"""Makes dumps fail; prints what each attempt raised and what it left: {"way": [exception, files]}.

    failing.py FOLDER
"""

import gc
import json
import os
import resource
import shutil
import sys

import heapdiff_dump

folder = sys.argv[1]
whole = os.path.join(folder, "dump.json")
kind = heapdiff_dump._kind
outcome = {}


def attempt(way, path=whole):
    try:
        heapdiff_dump.dump(path)
        raised = None
    except BaseException as error:
        raised = type(error).__name__
    outcome[way] = [raised, sorted(os.listdir(folder))]
    assert gc.isenabled()


def meanwhile(act):
    """Acts once in the middle of the next dump."""

    def act_first(cls):
        heapdiff_dump._kind = kind
        act()
        return kind(cls)

    heapdiff_dump._kind = act_first


def interrupt():
    raise KeyboardInterrupt


heapdiff_dump.dump(whole)
before = open(whole, "rb").read()

attempt("no folder", os.path.join(folder, "none", "dump.json"))
meanwhile(interrupt)
attempt("interrupted")
meanwhile(lambda: heapdiff_dump.dump(whole))
attempt("dump in a dump")
aside = os.path.join(folder, "aside")
os.mkdir(aside)
meanwhile(lambda: shutil.rmtree(aside))
attempt("folder removed", os.path.join(aside, "dump.json"))
limits = resource.getrlimit(resource.RLIMIT_FSIZE)
resource.setrlimit(resource.RLIMIT_FSIZE, (10_000, limits[1]))
attempt("no room")
attempt("no room, compressed", os.path.join(folder, "random.json.gz"))
resource.setrlimit(resource.RLIMIT_FSIZE, limits)
assert open(whole, "rb").read() == before
attempt("whole again")
assert open(whole, "rb").read() != before
print(json.dumps(outcome))
