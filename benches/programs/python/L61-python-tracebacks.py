"""Errors are kept to be reported later, and with them the frames they came from and all their variables."""

ABOUT = "exceptions kept with their frames"
LABELS = {
    "leak": ["ValidationFailed:ValidationFailed"],
    "also": ["Request:Request", "frame:frame", "traceback:traceback", "dict:dict", "list:list", "str:str", "tuple:tuple", "int:int"],
}


class ValidationFailed(Exception):
    pass


class Request:
    def __init__(self, body):
        self.body = body
        self.parts = [body, body.upper()]


errors = []


def validate(request):
    raise ValidationFailed(request.body)


def serve(request):
    try:
        validate(request)
    except ValidationFailed as error:
        errors.append(error)


def step(i, kit):
    for _ in range(kit.leaked(i, 25)):
        serve(Request(kit.text(30)))
