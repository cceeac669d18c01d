"""A pool as large as the most that was ever wanted at once: it grows with every record, ever more rarely."""

ABOUT = "a pool that fills slowly"
LABELS = {"not": ["Connection:Connection", "bytearray:bytearray", "dict:dict"]}


class Connection:
    def __init__(self, number):
        self.number = number
        self.buffer = bytearray(512)


pool = []


def step(i, kit):
    for _ in range(6):
        wanted = sum(kit.random.random() < 0.3 * kit.load(i) for _ in range(300))
        while len(pool) < wanted:
            pool.append(Connection(len(pool)))
