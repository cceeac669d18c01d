"""Dumps objects that are made to disturb. Prints what is to be found: a list of [address, size, fields] and addresses.

The facts are taken with the most straightforward means: sys.getsizeof, and a walk with a set. Exits with 1 if code of a class
has been called by the dump.
"""

import builtins
import collections
import gc
import json
import sys
import threading
import types

import heapdiff_dump

called = []


def trap(name):
    def method(*_, **__):
        called.append(name)
        raise RuntimeError(name)

    return method


TRAPS = (
    "__len__ __iter__ __repr__ __str__ __hash__ __eq__ __bool__ __sizeof__ __getattribute__ __getattr__ __getitem__ __contains__ "
    "__index__ __int__ __format__ keys values items __dir__ __reduce__ __instancecheck__ __subclasscheck__"
).split()
Meta = type("Meta", (type,), {name: trap("Meta." + name) for name in TRAPS})


def hostile(base, *args, **members):
    """An instance of a subclass of base, all of whose methods raise, as do those of its class; and the size of a tame one."""
    tame = base.__new__(type("Tame", (base,), members), *args)
    members |= {name: trap(f"{base.__name__}.{name}") for name in TRAPS}
    members["__class__"] = property(trap("__class__"))
    return base.__new__(Meta("Hostile_" + base.__name__, (base,), members), *args), sys.getsizeof(tame)


class Lazy(types.ModuleType):
    def __getattribute__(self, name):
        called.append(name)
        raise RuntimeError(name)


def fields(obj):
    """What a line says of an object of a builtin class."""
    cut = lambda text: text[:100]
    if type(obj) is str:
        return {"len": len(obj), "value": cut(obj)}
    if type(obj) is bytes:
        return {"len": len(obj), "value": cut(obj.decode("latin-1"))}
    if type(obj) is bool:
        return {"value": str(obj)}
    if type(obj) is int:
        return {"value": obj} if -(2**63) <= obj < 2**63 else {}
    if type(obj) in (tuple, list, dict, set, frozenset, collections.OrderedDict, collections.defaultdict):
        return {"len": len(obj)}
    if type(obj) in (types.FunctionType, types.ModuleType, type):
        return {"name": cut(obj.__name__)}
    return {}


Long = type("L" * 300, (), {})
Accented = type("Caf\u00e9\"\\\n", (), {})
dicts = [{"key": {}}, {1: 2, "mixed": {}}, {"same": "same"}, collections.OrderedDict(a={}), collections.defaultdict(list, {"d": []})]
plain = [
    "", "text", "x" * 5_000_000, "\u4e2d\u6587 \U0001f600", "lone \ud83d end", 'quotes " \\ / \n\t\x00\x1f\x7f', "\U0001f600" * 200,
    b"", b"\x00\xff\"\\", b"b" * 1000, True, False, None, 0, -1, 2**62, 2**63 - 1, 2**63, -(2**63), -(2**63) - 1, 10**5000,
    1.5, 1j, (), ("t",), [], [[]], {}, set(), {1}, frozenset("f"), bytearray(b"x"), range(3), collections.deque([{}]),
    list(range(70_000)), types.FunctionType(fields.__code__, {}, "named"), types.ModuleType("named"), int, Long, Accented, Long(),
    Accented(), object(), *dicts,
]  # fmt: skip
facts = [[id(obj), sys.getsizeof(obj), fields(obj)] for obj in plain]
odd = []
for base, args, said in [
    (object, (), {}),
    (dict, (), {"len": 0}),
    (list, (), {"len": 0}),
    (set, (), {"len": 0}),
    (collections.OrderedDict, (), {"len": 0}),
    (int, (2**70,), {}),
    (str, ("held",), {"len": 4, "value": "held"}),
    (tuple, ("held",), {"len": 4}),
    (frozenset, ("held",), {"len": 4}),
]:
    for members in [{}] if base is tuple else [{}, {"__slots__": ()}]:
        obj, size = hostile(base, *args, **members)
        odd.append(obj)
        facts.append([id(obj), size, said])
keys = ["key of a hostile dict", "another"]
late = hostile(dict)[0]
for key in keys:
    dict.__setitem__(late, key, "value of a hostile dict")
odd += [late, Lazy("lazy")]
keys += [key for names in dicts for key in names]
loop = []
loop.append(loop)
deep = []
for _ in range(50_000):
    deep = [deep]
held = {"plain": plain, "odd": odd, "loop": loop, "deep": deep}

changing, stop = {}, threading.Event()


def change():
    number = 0
    while not stop.is_set():
        number += 1
        changing[number % 1000] = [str(number), {}]
        changing.pop(number * 7 % 1000, None)


def wait(local):
    # What only a variable of a thread's function holds.
    stop.wait()
    return local


# Not by way of modules, or the names of this one, to all there is.
reached, waiting = {id(names): names for names in (globals(), vars(builtins))}, [held]
while waiting:
    obj = waiting.pop()
    if id(obj) not in reached:
        reached[id(obj)] = obj
        waiting += gc.get_referents(obj) if type(obj) is not types.ModuleType else ()
local = {}
addresses = [*reached, id(local), *map(id, keys)]
threads = [threading.Thread(target=change), threading.Thread(target=wait, args=(local,))]
del local, obj, reached, deep
for thread in threads:
    thread.start()
called.clear()
gc.collect()
paths = [heapdiff_dump.dump(sys.argv[1])]
# Now get_objects() has nothing of what there was.
gc.freeze()
paths.append(heapdiff_dump.dump(sys.argv[1]))
seen = list(called)
stop.set()
for thread in threads:
    thread.join()
if seen:
    sys.exit(f"the dump called {seen}")
print(json.dumps({"paths": paths, "facts": facts, "addresses": addresses}))
