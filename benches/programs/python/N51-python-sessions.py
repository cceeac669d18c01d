"""Sessions end three steps after they began: their number rises at first, then follows the load."""

ABOUT = "sessions that expire"
LABELS = {"not": ["Session:Session", "Cart:Cart", "dict:dict", "dict:dict (empty)", "list:list (empty)"]}


class Cart:
    def __init__(self):
        self.items = []


class Session:
    def __init__(self, until):
        self.until = until
        self.cart = Cart()
        self.flags = {}


sessions = {}


def step(i, kit):
    for key in [key for key, session in sessions.items() if session.until <= i]:
        del sessions[key]
    for _ in range(round(kit.random.randint(30, 60) * kit.load(i))):
        sessions[kit.text(16)] = Session(i + 3)
