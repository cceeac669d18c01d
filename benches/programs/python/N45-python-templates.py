"""Each of eighty templates is compiled when it is first wanted; some are wanted rarely."""

ABOUT = "functions compiled on demand, bounded"
LABELS = {"not": ["Template:Template", "function:function", "code:code", "dict:dict"]}


class Template:
    def __init__(self, name):
        names = {}
        exec(f"def render(it):\n    return '{name}: ' + it['name'] + str(it['amount'])\n", names)
        self.name = name
        self.render = names["render"]


templates = {}


def step(i, kit):
    for amount in range(round(60 * kit.load(i))):
        name = f"template-{int(80 * kit.random.random() ** 2)}"
        if name not in templates:
            templates[name] = Template(name)
        templates[name].render({"name": "a", "amount": amount})
