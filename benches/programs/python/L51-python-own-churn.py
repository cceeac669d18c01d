"""Most jobs are done and forgotten; those that failed stay in a list nobody reads."""

ABOUT = "leak in the churn of its own class"
LABELS = {"leak": ["Job:Job"], "also": ["Payload:Payload", "dict:dict", "list:list", "str:str", "int:int"]}


class Payload:
    def __init__(self, text):
        self.text = text


class Job:
    def __init__(self, number, text):
        self.number = number
        self.payload = Payload(text)
        self.tries = [number]


failed, running = [], []


def step(i, kit):
    global running
    running = [Job(number, kit.text(10)) for number in range(kit.random.randint(60, 240))]
    failed.extend(Job(1000 + number, kit.text(10)) for number in range(kit.leaked(i, 40)))
