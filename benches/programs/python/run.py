"""python3 run.py PROGRAM.py FOLDER [seed=1] [leak=1] [noise=1] [load=even|uneven] [snapshots=10]

Runs one program and writes FOLDER/01.json and so on (dumps by contrib/heapdiff_dump.py), and FOLDER/head.json: its labels and how
it was run.
"""

import importlib.util
import json
import pathlib
import platform
import random
import sys

sys.path.insert(0, str(pathlib.Path(__file__).parents[3] / "contrib"))
import heapdiff_dump

UNEVEN = [0.6, 1.5, 0.9, 1.2, 0.4, 1.1, 1.8, 0.7, 1.0, 1.4, 0.5]


class Kit:
    """What programs share: random numbers that are the same for the same seed, the load, things in flight."""

    def __init__(self, options):
        self.options = options
        self.random = random.Random(options["seed"])
        self.in_flight = []

    def load(self, i):
        """The load of step i, 1 on average."""
        return UNEVEN[(i + self.options["seed"]) % len(UNEVEN)] if self.options["load"] == "uneven" else 1

    def leaked(self, i, mean):
        """How many of what leaks belong to step i, at some `mean` a step."""
        return max(1, round(mean * self.options["leak"] * self.load(i)))

    def text(self, length):
        return "".join(self.random.choices("abcdefghijklmnop", k=length))

    def background(self):
        """What a server has in its hands at any moment: the same kinds of things, never as many."""
        noise, chance = self.options["noise"], self.random.random
        self.in_flight = [
            {
                "id": 1000 + number,
                "headers": {"host": self.text(6), "accept": ["text/html", self.text(4)]},
                "done": (lambda number=number: number) if chance() < 0.4 else None,
                "seen": {self.text(4), self.text(5)} if chance() < 0.2 else None,
                "extra": {},
                "ms": number / 3,
            }
            for number in range(self.random.randint(30 * noise, 200 * noise))
        ]


def main():
    program, folder = pathlib.Path(sys.argv[1]), pathlib.Path(sys.argv[2])
    options = {"seed": 1, "leak": 1, "noise": 1, "load": "even", "snapshots": 10}
    for argument in sys.argv[3:]:
        name, value = argument.split("=")
        options[name] = type(options[name])(float(value)) if name in ("seed", "noise", "snapshots") else value
    options["leak"] = float(options["leak"])
    spec = importlib.util.spec_from_file_location("program", program)
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    folder.mkdir(parents=True, exist_ok=True)
    labels = {"leak": [], "also": [], "not": [], **module.LABELS}
    runtime = f"python v{platform.python_version()}"
    head = {"about": module.ABOUT, "runtime": runtime, "options": options, "labels": labels}
    (folder / "head.json").write_text(json.dumps(head))
    kit = Kit(options)
    for i in range(1, options["snapshots"] + 1):
        kit.background()
        module.step(i, kit)
        heapdiff_dump.dump(str(folder / f"{i:02}.json"))


main()
