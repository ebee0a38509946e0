"""What may stand in the place of a piece of source: an operator for another, a number for its neighbour, nothing for a
statement. What mutmut, cosmic-ray and their like do, and a PASS wherever evidence was too little.
"""

from __future__ import annotations

import ast
from collections.abc import Iterator

COMPARED: dict[type[ast.cmpop], tuple[type[ast.cmpop], ...]] = {
    ast.Lt: (ast.LtE, ast.GtE),
    ast.LtE: (ast.Lt, ast.Gt),
    ast.Gt: (ast.GtE, ast.LtE),
    ast.GtE: (ast.Gt, ast.Lt),
    ast.Eq: (ast.NotEq,),
    ast.NotEq: (ast.Eq,),
    ast.Is: (ast.IsNot,),
    ast.IsNot: (ast.Is,),
    ast.In: (ast.NotIn,),
    ast.NotIn: (ast.In,),
}
CALCULATED: dict[type[ast.operator], type[ast.operator]] = {
    ast.Add: ast.Sub,
    ast.Sub: ast.Add,
    ast.Mult: ast.Div,
    ast.Div: ast.Mult,
    ast.FloorDiv: ast.Mult,
    ast.Mod: ast.Mult,
    ast.Pow: ast.Mult,
    ast.BitAnd: ast.BitOr,
    ast.BitOr: ast.BitAnd,
}
CALLED = {
    "min": "max",
    "max": "min",
    "any": "all",
    "all": "any",
    "minimum": "maximum",
    "maximum": "minimum",
    "bisect_left": "bisect_right",
    "bisect_right": "bisect_left",
    "floor": "ceil",
    "ceil": "floor",
}
NOT_SWAPPED = {"min", "max", "minimum", "maximum", "hypot", "array_equal", "isclose", "isinstance", "parameter"}
"""Functions whose arguments may be in any order, and those that nothing gets past with another one."""
LARGE = 1000
OUTCOMES = {"PASS": "FAIL", "FAIL": "INCONCLUSIVE", "INCONCLUSIVE": "PASS"}
WITHOUT_EFFECT = {"cache", "lru_cache", "once", "wraps", "overload", "override", "final"}
"""Decorators without which all is as it was, or slower …"""
OF_ITS_KIND = {"dataclass", "property", "cached_property", "classmethod", "staticmethod", "contextmanager", "setter"}
"""… and those without which nothing works that uses it, so that taking them away asks nothing."""


def replacements(node: ast.AST) -> Iterator[tuple[ast.AST, str]]:
    """What may stand there instead, each with a few words."""
    yield from _of_statement(node)
    yield from _of_condition(node)
    yield from _of_operator(node)
    yield from _of_constant(node)
    yield from _of_call(node)


def _of_statement(node: ast.AST) -> Iterator[tuple[ast.AST, str]]:
    match node:
        case ast.Expr(value=ast.Yield() | ast.YieldFrom()):
            # What yields nothing more is a generator all the same.
            yield ast.If(ast.Constant(False), [node], []), "without yield"
        case ast.Expr(value=ast.Call() | ast.Await()):
            yield ast.Pass(), "without the call"
        case ast.Raise():
            yield ast.Pass(), "without raise"
        case ast.Assign(targets=[ast.Attribute() | ast.Subscript()]) | ast.AugAssign():
            yield ast.Pass(), "without the assignment"
        case ast.Return(value=ast.expr() as value) if not _is_none(value):
            yield ast.Return(ast.Constant(None)), "return None"
        case ast.Continue():
            yield ast.Break(), "continue → break"
        case ast.Break():
            yield ast.Continue(), "break → continue"
        case ast.ExceptHandler(type=kind, name=name, body=body) if not isinstance(body[0], ast.Raise):
            yield ast.ExceptHandler(kind, name, [ast.Raise()]), "except: raise"
        case ast.FunctionDef(decorator_list=decorators) | ast.ClassDef(decorator_list=decorators):
            for i, each in enumerate(decorators):
                if _last_name(each) not in WITHOUT_EFFECT | OF_ITS_KIND:
                    kept = [other for j, other in enumerate(decorators) if j != i]
                    fields = {**dict(ast.iter_fields(node)), "decorator_list": kept}
                    yield type(node)(**fields), f"without @{_last_name(each)}"


def _of_condition(node: ast.AST) -> Iterator[tuple[ast.AST, str]]:
    match node:
        case ast.If(test=test, body=body, orelse=orelse):
            if _is_turned_here(test):
                yield ast.If(_turned(test), body, orelse), "if not"
            if not orelse:
                yield ast.If(ast.Constant(False), body, []), "if False"
            yield ast.If(ast.Constant(True), body, orelse), "if True"
        case ast.While(test=test, body=body, orelse=orelse) if _is_turned_here(test):
            yield ast.While(_turned(test), body, orelse), "while not"
        case ast.IfExp(test=test, body=first, orelse=second) if _is_turned_here(test):
            yield ast.IfExp(_turned(test), first, second), "if not"
        case ast.comprehension(target=target, iter=iterated, ifs=[_, *_] as tests, is_async=is_async):
            for i, test in enumerate(tests):
                others = [other for j, other in enumerate(tests) if j != i]
                yield ast.comprehension(target, iterated, others, is_async), "for without if"
                if _is_turned_here(test):
                    turned = [*tests[:i], _turned(test), *tests[i + 1 :]]
                    yield ast.comprehension(target, iterated, turned, is_async), "for … if not"


def _of_operator(node: ast.AST) -> Iterator[tuple[ast.AST, str]]:
    match node:
        case ast.Compare(left=left, ops=ops, comparators=comparators):
            for i, each in enumerate(ops):
                for other in COMPARED[type(each)]:
                    changed = [other() if i == j else op for j, op in enumerate(ops)]
                    yield ast.Compare(left, changed, comparators), f"{type(each).__name__} → {other.__name__}"
        case ast.BoolOp(op=op, values=values):
            turned = ast.Or() if isinstance(op, ast.And) else ast.And()
            yield ast.BoolOp(turned, values), f"{type(op).__name__} → {type(turned).__name__}"
        case ast.BinOp(left=left, op=op, right=right) if type(op) in CALCULATED and not is_text(left):
            other_op = CALCULATED[type(op)]
            yield ast.BinOp(left, other_op(), right), f"{type(op).__name__} → {other_op.__name__}"
        case ast.AugAssign(target=target, op=op, value=value) if type(op) in CALCULATED:
            other_op = CALCULATED[type(op)]
            yield ast.AugAssign(target, other_op(), value), f"{type(op).__name__}= → {other_op.__name__}="
        case ast.UnaryOp(op=ast.Not() | ast.USub(), operand=operand):
            yield operand, f"without {type(node.op).__name__}"
        case ast.Slice(lower=lower, upper=upper, step=step):
            if lower is not None:
                yield ast.Slice(None, upper, step), "slice from the beginning"
            if upper is not None:
                yield ast.Slice(lower, None, step), "slice to the end"


def _of_constant(node: ast.AST) -> Iterator[tuple[ast.AST, str]]:
    match node:
        case ast.Constant(value=bool() as flag):
            yield ast.Constant(not flag), f"{flag} → {not flag}"
        case ast.Constant(value=int() | float() as number):
            # Of a large number one more is no other.
            beside = (number + 1, number - 1) if abs(number) < LARGE else ()
            for other_number in dict.fromkeys((*beside, number * 2 if number else 1)):
                yield ast.Constant(other_number), f"{number} → {other_number}"
        case ast.Constant(value=str() as word) if word and " " not in word:
            # A key or a name; what has a space is a sentence.
            yield ast.Constant(f"XX{word}XX"), f"{word!r} → {f'XX{word}XX'!r}"
        case ast.Attribute(value=ast.Name("Outcome") as owner, attr=attr) if attr in OUTCOMES:
            yield ast.Attribute(owner, OUTCOMES[attr], ast.Load()), f"{attr} → {OUTCOMES[attr]}"
        case ast.Attribute(value=value, attr=attr) if attr in CALLED:
            yield ast.Attribute(value, CALLED[attr], ast.Load()), f"{attr} → {CALLED[attr]}"


def _of_call(node: ast.AST) -> Iterator[tuple[ast.AST, str]]:
    match node:
        case ast.Call(func=ast.Name(id=name), args=args, keywords=keywords) if name in ("min", "max", "any", "all"):
            yield ast.Call(ast.Name(CALLED[name], ast.Load()), args, keywords), f"{name} → {CALLED[name]}"
        case ast.Call(func=ast.Name(id=name), args=args, keywords=keywords) if name.startswith("bisect_"):
            module = _imported("bisect")
            yield ast.Call(ast.Attribute(module, CALLED[name], ast.Load()), args, keywords), f"{name} → {CALLED[name]}"
        case ast.Call(func=ast.Attribute(attr="inconclusive")):
            outcome = ast.Attribute(_imported("harness.findings"), "Outcome", ast.Load())
            passed = ast.keyword("outcome", ast.Attribute(outcome, "PASS", ast.Load()))
            replaced = ast.Attribute(_imported("dataclasses"), "replace", ast.Load())
            yield ast.Call(replaced, [node], [passed]), "inconclusive → PASS"
    match node:
        case ast.Call(func=func, args=[ast.expr() as first, ast.expr() as second, *others], keywords=keywords):
            starred = isinstance(first, ast.Starred) or isinstance(second, ast.Starred)
            is_same = ast.dump(first) == ast.dump(second)
            if not starred and not is_same and _last_name(func) not in NOT_SWAPPED:
                yield ast.Call(func, [second, first, *others], keywords), "arguments swapped"


def is_text(node: ast.AST) -> bool:
    if isinstance(node, ast.Expr):
        node = node.value
    return isinstance(node, ast.JoinedStr) or (isinstance(node, ast.Constant) and isinstance(node.value, str))


def _is_turned_here(test: ast.expr) -> bool:
    """A comparison, a ``not`` and what is constant are turned by themselves."""
    return not isinstance(test, ast.Compare | ast.UnaryOp | ast.Constant)


def _turned(test: ast.expr) -> ast.expr:
    return ast.UnaryOp(ast.Not(), test)


def _is_none(value: ast.expr) -> bool:
    return isinstance(value, ast.Constant) and value.value is None


def _last_name(node: ast.expr) -> str:
    """``cache`` of ``@functools.cache`` and of ``@cache(5)``."""
    if isinstance(node, ast.Call):
        node = node.func
    return node.attr if isinstance(node, ast.Attribute) else node.id if isinstance(node, ast.Name) else ""


def _imported(module: str) -> ast.expr:
    arguments: list[ast.expr] = [ast.Constant(module), ast.Constant(None), ast.Constant(None)]
    return ast.Call(ast.Name("__import__", ast.Load()), [*arguments, ast.List([ast.Constant("*")], ast.Load())], [])
