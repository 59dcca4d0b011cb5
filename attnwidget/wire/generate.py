"""Generates the front end's TypeScript types from `attnwidget.wire.schema`.

python -m attnwidget.wire.generate [--check]
"""

from __future__ import annotations

import argparse
import ast
import inspect
import sys
from pathlib import Path
from typing import is_typeddict

from attnwidget.wire import schema

TARGET = Path(__file__).parents[2] / "js" / "src" / "wire" / "schema.gen.ts"

PRIMITIVES = {
    "int": "number",
    "float": "number",
    "str": "string",
    "bool": "boolean",
    "Any": "unknown",
    "None": "null",
}

SHAPES = {"int": "int", "float": "number", "str": "string", "bool": "boolean", "Any": "any"}
"""What a `Shape` calls them."""


def _typescript(node: ast.expr) -> str:
    """Translate one Python annotation into a TypeScript type."""
    match node:
        case ast.Constant(value=None):
            return "null"
        case ast.Constant(value=bool(value)):
            return "true" if value else "false"
        case ast.Constant(value=value):
            return f'"{value}"' if isinstance(value, str) else str(value)
        case ast.Name(id=name):
            return PRIMITIVES.get(name, name)
        case ast.BinOp(left=left, op=ast.BitOr(), right=right):
            return f"{_typescript(left)} | {_typescript(right)}"
        case ast.Subscript(value=ast.Name(id="Literal"), slice=inner):
            options = inner.elts if isinstance(inner, ast.Tuple) else [inner]
            return " | ".join(_typescript(option) for option in options)
        case ast.Subscript(value=ast.Name(id="list"), slice=inner):
            item = _typescript(inner)
            return f"({item})[]" if "|" in item else f"{item}[]"
        case ast.Subscript(value=ast.Name(id="dict"), slice=ast.Tuple(elts=[key, value])):
            record = f"Record<{_typescript(key)}, {_typescript(value)}>"
            return record if isinstance(key, ast.Name) and key.id == "str" else f"Partial<{record}>"
    raise TypeError(f"no TypeScript for the annotation {ast.unparse(node)}")


def _doc(text: str | None, indent: str = "") -> str:
    """Render a docstring as a TypeScript comment."""
    lines = inspect.cleandoc(text or "").splitlines()
    if len(lines) == 1:
        return f"{indent}/** {lines[0]} */\n"
    return "".join(
        [f"{indent}/**\n", *(f"{indent} * {line}".rstrip() + "\n" for line in lines), f"{indent} */\n"]
    )


def _interface(node: ast.ClassDef) -> str:
    """Render one TypedDict as an interface."""
    fields: list[str] = []
    for item in node.body:
        if not isinstance(item, ast.AnnAssign) or not isinstance(item.target, ast.Name):
            continue
        annotation, optional = item.annotation, ""
        if isinstance(annotation, ast.Subscript) and ast.unparse(annotation.value) == "NotRequired":
            annotation, optional = annotation.slice, "?"
        fields.append(f"  {item.target.id}{optional}: {_typescript(annotation)};\n")
    head = _doc(ast.get_docstring(node)) + f"export interface {node.name} "
    return head + ("{\n" + "".join(fields) + "}\n" if fields else "{}\n")


def _shape(node: ast.expr, classes: dict[str, ast.ClassDef], aliases: dict[str, ast.expr]) -> str:
    """Translate one Python annotation into a `Shape`; see js/src/wire/shape.ts."""
    match node:
        case ast.Name(id=name) if name in aliases:
            return _shape(aliases[name], classes, aliases)
        case ast.Name(id=name) if name in classes:
            return _constant(name)
        case ast.Name(id=name):
            return f'"{SHAPES[name]}"'
        case ast.BinOp(left=left, op=ast.BitOr(), right=ast.Constant(value=None)):
            return f"[{_shape(left, classes, aliases)}, null]"
        case ast.Subscript(value=ast.Name(id="Literal"), slice=inner):
            options = inner.elts if isinstance(inner, ast.Tuple) else [inner]
            return f'"={"|".join(ast.literal_eval(option) for option in options)}"'
        case ast.Subscript(value=ast.Name(id="list"), slice=inner):
            return f"[{_shape(inner, classes, aliases)}]"
        case ast.Subscript(value=ast.Name(id="dict"), slice=ast.Tuple(elts=[_, value])):
            return f'{{ "*": {_shape(value, classes, aliases)} }}'
    raise TypeError(f"no shape for the annotation {ast.unparse(node)}")


def _constant(name: str) -> str:
    return f"{name[0].lower()}{name[1:]}Shape"


def _shapes(tree: ast.Module, root: str) -> str:
    """Render the shapes that make up a TypedDict, each after those that it needs; the last is `SHAPE`."""
    classes = {node.name: node for node in tree.body if isinstance(node, ast.ClassDef)}
    aliases = {
        node.target.id: node.value
        for node in tree.body
        if isinstance(node, ast.AnnAssign) and isinstance(node.target, ast.Name) and node.value is not None
    }
    done: dict[str, str] = {}

    def visit(name: str) -> None:
        fields: list[str] = []
        for item in classes[name].body:
            if not isinstance(item, ast.AnnAssign) or not isinstance(item.target, ast.Name):
                continue
            annotation, field = item.annotation, item.target.id
            if isinstance(annotation, ast.Subscript) and ast.unparse(annotation.value) == "NotRequired":
                annotation, field = annotation.slice, f'"{field}?"'
            for inner in ast.walk(annotation):
                if isinstance(inner, ast.Name) and inner.id in classes and inner.id not in done:
                    visit(inner.id)
            fields.append(f"  {field}: {_shape(annotation, classes, aliases)},\n")
        constant = "export const SHAPE: Shape" if name == root else f"const {_constant(name)}: Shape"
        done[name] = f"{constant} = {{\n{''.join(fields)}}};\n"

    visit(root)
    doc = f"/** How a `{root}` is made. */\n"
    return "\n".join([*list(done.values())[:-1], doc + done[root]])


def render() -> str:
    """Return the TypeScript module that mirrors the schema."""
    tree = ast.parse(inspect.getsource(schema))
    parts = [
        "// Generated from attnwidget/wire/schema.py by `python -m attnwidget.wire.generate`; do not edit.\n"
        'import type { Shape } from "./shape";\n',
    ]
    docs = {
        index: following.value.value
        for index, following in enumerate(tree.body)
        if isinstance(following, ast.Expr) and isinstance(following.value, ast.Constant)
    }
    for index, node in enumerate(tree.body):
        doc = docs.get(index + 1)
        match node:
            case ast.Assign(targets=[ast.Name(id=name)], value=value) if name.isupper():
                number = ast.literal_eval(value)
                parts.append(
                    _doc(str(doc)) + f"export const {name} = {number:g};\n".replace("1e+06", "1_000_000")
                )
            case ast.AnnAssign(
                target=ast.Name(id=name), annotation=ast.Name(id="TypeAlias"), value=ast.expr() as value
            ):
                parts.append(f"export type {name} = {_typescript(value)};\n")
            case ast.ClassDef() if is_typeddict(getattr(schema, node.name)):
                parts.append(_interface(node))
    requests = "".join(
        f"  {kind}: {{ args: {args.__name__}; meta: {meta.__name__} }};\n"
        for kind, (args, meta) in schema.REQUESTS.items()
    )
    parts.append(
        "/** Request kind -> arguments and reply. */\nexport interface Requests {\n" + requests + "}\n"
    )
    parts.append(_shapes(tree, "SnapshotHeader"))
    return "\n".join(parts)


def main(argv: list[str] | None = None) -> int:
    """Write the types, or with `--check` say whether they are up to date."""
    parser = argparse.ArgumentParser(description="Generate the front end's types from the wire schema.")
    parser.add_argument("--check", action="store_true", help="fail when the file on disk is out of date")
    parser.add_argument("--target", type=Path, default=TARGET)
    options = parser.parse_args(argv)
    text, target = render(), options.target
    if options.check:
        if not target.exists() or target.read_text(encoding="utf-8") != text:
            print(f"{target.name} is out of date: run `python -m attnwidget.wire.generate`", file=sys.stderr)
            return 1
        return 0
    target.parent.mkdir(parents=True, exist_ok=True)
    target.write_text(text, encoding="utf-8")
    return 0


if __name__ == "__main__":
    sys.exit(main())
