"""The functions of a program replaced by their lines, wherever they are called; nothing is run.

A small code model puts a calculation into a function, and often calls it with the numbers of the
question, or tests it, below. What is left here are statements without calls of such functions.
"""

from __future__ import annotations

import ast
from collections.abc import Iterator, Mapping, Sequence
from copy import deepcopy

from metier.errors import InvalidInput

MAX_CALLS = 20


def straightened(module: ast.Module) -> list[ast.stmt]:
    """The statements of a module, with those of a function before each statement that calls it.

    Where no function is called, the last one that gives or prints something stands at the end.
    A statement that only calls a function which prints nothing, such as a test, is left out.

    Raises:
        InvalidInput: a function calls itself, is called too often or with the wrong arguments.
    """
    functions = {node.name: node for node in module.body if isinstance(node, ast.FunctionDef)}
    inlining = _Inlining(functions)
    for node in _script(module.body):
        inlining.add(node)
    if not inlining.calls and (last := _last([*functions.values()])) is not None:
        call = ast.Call(func=ast.Name(id=last.name), args=[], keywords=[])
        end = ast.Return(value=call) if _gives(last) else ast.Expr(value=call)
        inlining.add(ast.copy_location(end, last))
    return inlining.lines


def _script(body: list[ast.stmt]) -> Iterator[ast.stmt]:
    """What runs when the module does."""
    for node in body:
        match node:
            case ast.FunctionDef():
                continue
            case ast.If(test=ast.Compare(left=ast.Name(id="__name__")), body=inner):
                yield from inner
            case _:
                yield node


def _last(functions: Sequence[ast.FunctionDef]) -> ast.FunctionDef | None:
    for function in reversed(functions):
        needed = len(function.args.args) - len(function.args.defaults)
        if needed == 0 and (_gives(function) or _prints(function)):
            return function
    return None


def _gives(function: ast.FunctionDef) -> bool:
    """Whether it returns something."""
    return any(isinstance(node, ast.Return) and node.value for node in ast.walk(function))


def _prints(function: ast.FunctionDef) -> bool:
    """Whether it prints more than a text."""
    return any(
        isinstance(node, ast.Call)
        and isinstance(node.func, ast.Name)
        and node.func.id == "print"
        and not all(isinstance(shown, ast.Constant) for shown in node.args)
        for node in ast.walk(function)
    )


class _Inlining(ast.NodeTransformer):
    """Collects statements; the lines of a call come before the statement that it stands in."""

    def __init__(self, functions: Mapping[str, ast.FunctionDef]) -> None:
        self.lines: list[ast.stmt] = []
        self.calls = 0
        self._functions = functions
        self._open: list[str] = []
        self._bound: set[str] = set()

    def add(self, node: ast.stmt) -> None:
        """A statement, after what it calls."""
        match node:
            case ast.Assert():
                return
            case ast.Expr(value=ast.Call(func=ast.Name(id=name)) as call) if (
                name in self._functions
            ):
                if _prints(self._functions[name]):
                    self._inlined(self._functions[name], call)
                return
        node = self.visit(node)
        self._bound |= _assigned([node])
        self.lines.append(node)

    def visit_Call(self, node: ast.Call) -> ast.expr:
        self.generic_visit(node)
        function = self._functions.get(node.func.id) if isinstance(node.func, ast.Name) else None
        if function is None:
            return node
        value = self._inlined(function, node)
        if value is None:
            raise InvalidInput(f"{function.name} gives nothing")
        return value

    def _inlined(self, function: ast.FunctionDef, call: ast.Call) -> ast.expr | None:
        """Its lines, under names that nobody else uses, and what it returns."""
        self.calls += 1
        if function.name in self._open or self.calls > MAX_CALLS:
            raise InvalidInput(f"{function.name} calls itself, or is called too often")
        self._open.append(function.name)
        given = _arguments(function, call)
        changed = _assigned(function.body)
        kept = {name for name, value in given.items() if _is_name(value, name)} - changed
        renaming = _Renaming({name: self._free(name) for name in (changed | set(given)) - kept})
        for name, value in given.items():
            if name not in kept:
                target = ast.Name(id=renaming.names[name], ctx=ast.Store())
                self.add(ast.copy_location(ast.Assign(targets=[target], value=value), function))
        result = None
        for written in deepcopy(function.body):
            node = renaming.visit(written)
            if isinstance(node, ast.Return):
                result = None if node.value is None else self.visit(node.value)
                break
            self.add(node)
        self._open.pop()
        return result

    def _free(self, name: str) -> str:
        """The name, or with a number behind it where it is another's already."""
        taken = {bound.lower() for bound in self._bound}
        free, number = name, 1
        while free.lower() in taken:
            number += 1
            free = f"{name}_{number}"
        return free


def _arguments(function: ast.FunctionDef, call: ast.Call) -> dict[str, ast.expr]:
    """The value of each parameter."""
    takes = function.args
    names = [each.arg for each in takes.args]
    if takes.vararg or takes.kwarg or takes.kwonlyargs or takes.posonlyargs:
        raise InvalidInput(f"the parameters of {function.name} are not read")
    defaults = takes.defaults
    given = dict(zip(names[len(names) - len(defaults) :], defaults, strict=True))
    given |= dict(zip(names, call.args, strict=False))
    given |= {each.arg: each.value for each in call.keywords if each.arg is not None}
    if len(call.args) > len(names) or set(given) != set(names):
        raise InvalidInput(f"{function.name} takes other arguments")
    return {name: deepcopy(given[name]) for name in names}


def _assigned(body: list[ast.stmt]) -> set[str]:
    return {
        node.id
        for statement in body
        for node in ast.walk(statement)
        if isinstance(node, ast.Name) and isinstance(node.ctx, ast.Store)
    }


def _is_name(value: ast.expr, name: str) -> bool:
    return isinstance(value, ast.Name) and value.id == name


class _Renaming(ast.NodeTransformer):
    def __init__(self, names: Mapping[str, str]) -> None:
        self.names = names

    def visit_Name(self, node: ast.Name) -> ast.Name:
        return ast.copy_location(ast.Name(id=self.names.get(node.id, node.id), ctx=node.ctx), node)
