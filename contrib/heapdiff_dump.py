"""Writes every object of a running Python process to a file that heapdiff reads.

One line of JSON an object, as meliae writes them, which no longer builds for Python 3.9 and later:

    {"address": 140126157715568, "type": "dict", "size": 184, "len": 1, "refs": [140126170800296]}

Four ways to use it:

    heapdiff_dump.dump("before.json")                      # in a program, after `import heapdiff_dump`
    heapdiff_dump.install(signal.SIGUSR1)                  # in a program; from then on `kill -USR1 PID` writes a dump
    pyrasite PID heapdiff_dump.py                          # into a program that knows nothing of it (needs gdb)
    python3.14 -c 'import sys; sys.remote_exec(PID, "/path/to/heapdiff_dump.py")'              # the same from 3.14 on

Files are called heapdiff-PID-N.json in the working directory of the process; the environment variable HEAPDIFF_DUMP of the process
names another, as the argument of dump() does: {pid} and {n} in it are filled in, and a name that ends in .gz is compressed. A file is
complete or absent, and for the owner's eyes only: it holds the first 100 characters of every string.

With tracemalloc on, each object also has the "trace" of calls that made it, most recent last.

The thread it runs in stands still meanwhile, others go on: what they change during the dump may be in it or not. Takes some 3 seconds
a million objects (minutes with tracemalloc on), and 15 bytes of memory an object. Needs CPython and no package.
"""

# How this text is run decides what it does:
#
#   import             __name__ is the module's name: functions are defined, nothing happens.
#   pyrasite           exec(open(path).read()) by PyRun_SimpleString, in the namespace of the program's own __main__.
#   sys.remote_exec    PyRun_String in an empty namespace: __name__ is then found among the builtins, whose name is "builtins".
#
# Run in these two ways it must not leave names behind, still less replace a function of the program that is also called dump. So
# it runs itself again in a namespace of its own, which goes when it is done.
if __name__ in ("__main__", "builtins"):
    exec(__import__("sys")._getframe().f_code, {"__name__": "heapdiff_dump (injected)"})
else:
    import _thread
    import collections
    import functools
    import gc
    import io
    import itertools
    import os
    import sys
    import types
    from json.encoder import encode_basestring_ascii as quote

    try:
        from _tracemalloc import is_tracing
    except ImportError:
        is_tracing = None

    NAME = "heapdiff-{pid}-{n}.json"
    # What meliae keeps of a name or a value, in characters.
    CUT = slice(100)
    # Whole numbers outside are written without their value: not every reader takes them, and their digits can be millions.
    LEAST, LIMIT = -(1 << 63), 1 << 63
    # Referents written at once: a list of millions needs no second copy of itself.
    PIECE = 1 << 15
    BUFFER = 1 << 20

    # Bits of a class's flags, and of a function's.
    IMMUTABLE, HEAP, HAS_GC, PREHEADER = 1 << 8, 1 << 9, 1 << 14, 0b11 << 3
    OPTIMIZED = 1
    POINTER = tuple.__itemsize__

    # No two objects begin in the same slot, as none is smaller than object(). A page is PAGE slots.
    SLOT = object.__basicsize__.bit_length() - 1
    PAGE = 1 << 12
    SEEN, OWN = 1, 2

    # What the interpreter itself knows of classes and modules: metaclasses and subclasses have no say.
    name_of = type.__dict__["__name__"].__get__
    module_of = type.__dict__["__module__"].__get__
    flags_of = type.__dict__["__flags__"].__get__
    bases_of = type.__dict__["__mro__"].__get__
    members_of_class = type.__dict__["__dict__"].__get__
    members_of_module = types.ModuleType.__dict__["__dict__"].__get__

    busy = _thread.allocate_lock()
    path_of_signal = None

    def dump(path=None, collect=True):
        """Writes a dump and returns the path of its file.

        path: see above. collect: first free what the garbage collector would free soon; not where the program has turned it off.
        Raises OSError if the file can't be written, RuntimeError if a dump is being written already.
        """
        if not busy.acquire(False):
            raise RuntimeError("a dump is being written already")
        enabled = gc.isenabled()
        try:
            path = _fill_in(os.fsdecode(path or os.environ.get("HEAPDIFF_DUMP") or NAME))
            # For what they import, which is not to come in the middle.
            _tracer(), _packer(path)
            if collect and enabled:
                gc.collect()
            # No finalizers while objects are looked at.
            gc.disable()
            frames = _running_frames()
            # Before what the dump is made with is there.
            objects = gc.get_objects()
            own = _own_objects(frames)
            # Modules are there for what gc.freeze() keeps from get_objects(), frames for what only a local variable holds.
            roots = itertools.chain(frames, [sys.modules], objects)
            _write_whole(path, functools.partial(_write_objects, roots, set(map(id, frames)), own))
            return path
        finally:
            if enabled:
                gc.enable()
            busy.release()

    def install(signum, path=None):
        """Writes a dump at each such signal from now on; returns the former handler. To be called in the main thread.

        Python runs handlers in the main thread, between two instructions: while that thread waits in foreign code there is no dump.
        A signal during a dump is not served. How it went is said on standard error.
        """
        import signal

        global path_of_signal
        path_of_signal = path
        return signal.signal(signum, _on_signal)

    def _on_signal(signum, frame):
        _dump_and_say(path_of_signal)

    def _dump_and_say(path=None):
        """For where nobody waits for the result: an exception would surface in whatever the program was doing."""
        try:
            said = f"wrote {dump(path)}"
        except Exception as error:
            said = f"no dump: {type(error).__name__}: {error}"
        try:
            sys.stderr.write(f"heapdiff_dump: {said}\n")
            sys.stderr.flush()
        except Exception:
            pass

    def _fill_in(path):
        path = os.path.abspath(path.replace("{pid}", str(os.getpid())))
        folder, name = os.path.split(path)
        before, found, after = name.partition("{n}")
        if not found:
            return path
        # One more than the highest, not the first that is free: the order of names is to be that of the dumps.
        highest = 0
        for other in os.listdir(folder):
            number = other[len(before) : len(other) - len(after)]
            if number.isdecimal() and other == before + number + after:
                highest = max(highest, int(number))
        return os.path.join(folder, f"{before}{highest + 1}{after}")

    def _packer(path):
        """A function that makes a compressing file of a file, if the path says so."""
        if not path.endswith(".gz"):
            return None
        from gzip import GzipFile

        # Level 1, as the program waits.
        return functools.partial(GzipFile, "", "wb", 1, mtime=0)

    def _write_whole(path, write):
        """Calls write(function to write with) for a file that has its name when it is complete and on the disk, or else goes."""
        pack = _packer(path)
        partial = f"{path}.{os.urandom(4).hex()}.partial"
        try:
            with open(partial, "wb", BUFFER, opener=_create) as file:
                if pack is None:
                    write(file.write)
                else:
                    # Buffered, as GzipFile is slow at small pieces.
                    with io.BufferedWriter(pack(fileobj=file), BUFFER) as packed:
                        write(packed.write)
                file.flush()
                os.fsync(file.fileno())
            os.replace(partial, path)
        except BaseException:
            try:
                os.unlink(partial)
            except OSError:
                pass
            raise

    def _create(path, flags):
        return os.open(path, flags | os.O_EXCL, 0o600)

    def _running_frames():
        """The frames of all threads but those of the dump."""
        frames = []
        for frame in sys._current_frames().values():
            while frame is not None:
                if frame.f_globals is not globals():
                    frames.append(frame)
                    # 3.11 and 3.12 make a dict for the answer and keep it: made before objects are counted, each dump has it.
                    _locals_of(frame)
                frame = frame.f_back
        return frames

    def _own_objects(frames):
        """Addresses of what the dump is made with, and what of this text the collector knows."""
        own = {id(globals()), id(frames)}
        module = sys.modules.get(__name__)
        if type(module) is types.ModuleType and members_of_module(module) is globals():
            own.add(id(module))
        kinds = (types.FunctionType, type(name_of), type(CUT), type(busy), tuple)
        own.update(id(value) for value in globals().values() if type(value) in kinds)
        frame = sys._getframe()
        while frame is not None:
            if frame.f_globals is globals():
                own.add(id(frame))
            frame = frame.f_back
        return own

    def _write_objects(roots, running, own, write):
        """Writes the roots and all they lead to, each object once.

        What waits for its turn is held and not just remembered by its address, so it is still there, whatever other threads do,
        and each address in "refs" has its line.
        """
        kinds, trace = {}, _tracer()
        get_referents, plain_size = gc.get_referents, object.__sizeof__
        # A byte for each slot, in pages: a set of addresses would take five times as much.
        seen = collections.defaultdict(functools.partial(bytearray, PAGE))
        page, in_page = SLOT + PAGE.bit_length() - 1, PAGE - 1
        for address in own:
            seen[address >> page][address >> SLOT & in_page] = OWN
        waiting = []
        for root in roots:
            slots, slot = seen[id(root) >> page], id(root) >> SLOT & in_page
            if slots[slot]:
                continue
            slots[slot] = SEEN
            waiting.append(root)
            while waiting:
                obj = waiting.pop()
                # By address, as classes can have a __hash__ of their own. The entry keeps the class, and so the address.
                kind = kinds.get(id(type(obj))) or kinds.setdefault(id(type(obj)), _kind(type(obj)))
                _, head, get_size, length, fields, more = kind
                refs, leads_to_own = get_referents(obj), False
                if more is not None:
                    more(obj, refs, running)
                for ref in refs:
                    address = id(ref)
                    slots, slot = seen[address >> page], address >> SLOT & in_page
                    if not slots[slot]:
                        slots[slot] = SEEN
                        waiting.append(ref)
                    elif slots[slot] == OWN:
                        leads_to_own = True
                if leads_to_own:
                    refs = [ref for ref in refs if id(ref) not in own]
                try:
                    size = get_size(obj)
                except Exception:
                    size = plain_size(obj)
                text = "" if length is None else f', "len": {length(obj)}'
                if fields is not None:
                    text += fields(obj)
                line = f'{{"address": {id(obj)}{head}{size}{text}, "refs": '
                end = "}\n" if trace is None else trace(obj)
                if len(refs) <= PIECE:
                    # A list of whole numbers prints as JSON.
                    write(f"{line}{list(map(id, refs))}{end}".encode())
                else:
                    _write_long(line, refs, end, write)

    def _write_long(line, refs, end, write):
        for start in range(0, len(refs), PIECE):
            ids = repr(list(map(id, refs[start : start + PIECE])))[1:-1]
            write(f"{', ' if start else line + '['}{ids}".encode())
        write(f"]{end}".encode())

    def _tracer():
        """The end of an object's line, with the calls that made it, if they are recorded."""
        if is_tracing is None or not is_tracing():
            return None
        from _tracemalloc import _get_object_traceback

        behind = _tracer_behind_dict()

        def end(obj):
            if behind is not None and flags_of(type(obj)) & PREHEADER:
                calls = behind(0, id(obj) - 4 * POINTER)
            else:
                # tracemalloc's own function makes an object of each call, which takes several times as long.
                calls = _get_object_traceback(obj)
            if not calls:
                return "}\n"
            calls = ", ".join([f"[{quote(file)}, {line}]" for file, line in calls[::-1]])
            return f', "trace": [{calls}]}}\n'

        return end

    def _tracer_behind_dict():
        """3.11 looks for an object that has its dict in front in the wrong place: it begins four pointers earlier."""
        if sys.version_info[:2] != (3, 11):
            return None
        try:
            from ctypes import PYFUNCTYPE, c_size_t, c_uint, py_object, pythonapi
        except ImportError:
            return None
        return PYFUNCTYPE(py_object, c_uint, c_size_t)(("_PyTraceMalloc_GetTraceback", pythonapi))

    def _kind(cls):
        """What all objects of a class have in common: (class, line up to the size, size, length, fields, more referents)."""
        head = f', "type": {quote(_class_name(cls))}, "size": '
        length = next((base.__len__ for base in SIZED if issubclass(cls, base)), None)
        fields = _int if cls is int else next((fields for base, fields in FIELDS if issubclass(cls, base)), None)
        more = None
        if issubclass(cls, dict):
            more = _add_keys
        elif cls is types.FrameType and sys.version_info >= (3, 11):
            more = _add_locals
        return cls, head, _sizer(cls), length, fields, more

    def _class_name(cls):
        """As C has it, and therefore meliae: with the module for classes made in C, without it for those made in Python."""
        name, flags = name_of(cls), flags_of(cls)
        if not flags & HEAP or flags & IMMUTABLE:
            try:
                module = module_of(cls)
            except AttributeError:
                module = None
            if type(module) is str and module != "builtins":
                name = module + "." + name
        return str.__getitem__(name, CUT)

    def _sizer(cls):
        """sys.getsizeof, unless the class has a __sizeof__ in Python: then that of its first base made in C.

        Code of the program could do anything in here: wait for a lock of the thread that a signal has interrupted, add up all it has.
        """
        found = [(members_of_class(base) or {}).get("__sizeof__") for base in bases_of(cls) or ()]
        found = [method for method in found if method is not None]
        if not found or type(found[0]) is types.MethodDescriptorType:
            return sys.getsizeof
        base = next(method for method in found if type(method) is types.MethodDescriptorType)
        # What getsizeof adds: two pointers of the collector in front of an object, and two for its dict and weak references.
        pairs = bool(flags_of(cls) & HAS_GC) + bool(flags_of(cls) & PREHEADER)
        before = pairs * 2 * POINTER
        return lambda obj: base(obj) + before

    def _add_keys(obj, refs, _):
        """Keys, which a dict does not tell the collector of when all are strings. The one thing that meliae does not list."""
        count = dict.__len__(obj)
        if not count:
            return
        if type(obj) is dict:
            told = len(refs) >= 2 * count
        else:
            told = next(map(id, dict.__iter__(obj)), None) in map(id, refs)
        if not told:
            refs.extend(dict.__iter__(obj))

    def _add_locals(obj, refs, running):
        """Variables, of which a running frame does not tell the collector from 3.11 on."""
        if id(obj) in running:
            refs.append(obj.f_globals)
            refs.extend(_locals_of(obj))

    def _locals_of(frame):
        """Of a function only: the namespace of a module is its globals, and that of a class can be any object."""
        if sys.version_info < (3, 11) or not frame.f_code.co_flags & OPTIMIZED:
            return ()
        return frame.f_locals.values()

    def _str(obj):
        return ', "value": ' + quote(str.__getitem__(obj, CUT))

    def _bytes(obj):
        return ', "value": ' + quote(bytes.__getitem__(obj, CUT).decode("latin-1"))

    def _bool(obj):
        return ', "value": "True"' if obj else ', "value": "False"'

    def _int(obj):
        return f', "value": {obj}' if LEAST <= obj < LIMIT else ""

    def _frame(obj):
        return ', "value": ' + quote(str.__getitem__(obj.f_code.co_name, CUT))

    def _named(name):
        return ', "name": ' + quote(str.__getitem__(name, CUT)) if issubclass(type(name), str) else ""

    def _module(obj):
        return _named((members_of_module(obj) or {}).get("__name__"))

    def _function(obj):
        return _named(obj.__name__)

    def _class(obj):
        return _named(_class_name(obj))

    SIZED = (str, bytes, tuple, list, dict, set, frozenset)
    FIELDS = (
        (str, _str),
        (bytes, _bytes),
        (bool, _bool),
        (type, _class),
        (types.FunctionType, _function),
        (types.ModuleType, _module),
        (types.FrameType, _frame),
    )

    if __name__ == "heapdiff_dump (injected)":
        _dump_and_say()
        # Functions and their namespace hold each other; without this they would wait for the collector.
        globals().clear()
