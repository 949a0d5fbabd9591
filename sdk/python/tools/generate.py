#!/usr/bin/env python3
"""Writes what of the package follows from the description of the REST interface, docs/openapi.json.

`types.py` gets the types. An answer is a frozen dataclass, which `memtide._json` reads: a field that a later version
adds is left out. What is asked is a TypedDict: what is not named is not sent, and `None` is sent as null, which means
something else. `routes.py` gets a method for each route. What of OpenAPI the document does not use is refused rather
than guessed.

    generate.py [--check]     --check writes nothing, and fails where something would be written
"""

from __future__ import annotations

import argparse
import json
import keyword
import re
import sys
import textwrap
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Any

Schema = dict[str, Any]

PACKAGE = Path(__file__).resolve().parent.parent
DOCUMENT = PACKAGE.parent.parent / "docs" / "openapi.json"
OUTPUT = PACKAGE / "src" / "memtide"

MADE = "Made from docs/openapi.json by tools/generate.py."
METHODS = ["get", "post", "put", "patch", "delete"]
SCALARS = {"integer": "int", "number": "float", "string": "str", "boolean": "bool", "null": "None"}
# What the stream tells is JSON within text, of which the document names the types in words only.
STREAMED = ["StreamSnapshot", "Event", "HostStatus"]
JSON, STREAM, BYTES = "application/json", "text/event-stream", "application/octet-stream"


class NotKnown(Exception):
    """The document has something that this program cannot write."""


# Names


def class_name(name: str) -> str:
    """`List_Vm` and `vm-started` as names of classes: `VmList`, `VmStarted`."""
    if name.startswith("List_"):
        return name.removeprefix("List_") + "List"
    if re.fullmatch(r"[A-Z][A-Za-z0-9]*", name):
        return name
    return "".join(part.capitalize() for part in re.split(r"[-_]", name))


def field_name(name: str) -> str:
    """A field's name as Python has it: `from` is `from_`."""
    name = name.replace("-", "_")
    return name + "_" if keyword.iskeyword(name) else name


def documentation(text: str | None, indent: str) -> str:
    """A docstring, or nothing."""
    if not text:
        return ""
    # Rust's links to other items are names here.
    text = re.sub(r"\[(`[^`]*`)\](\([^)]*\))?", r"\1", text).replace("\\", "\\\\").replace('"""', "'''")
    paragraphs = [" ".join(paragraph.split()) for paragraph in text.split("\n\n")]
    lines = [line for p in paragraphs for line in [*textwrap.wrap(p, 110 - len(indent)), ""]][:-1]
    if len(lines) == 1:
        return f'{indent}"""{lines[0]}"""\n'
    body = "\n".join(indent + line if line else "" for line in lines).lstrip()
    return f'{indent}"""{body}\n{indent}"""\n'


# Types


class Types:
    """All named schemas, and which of them are asked and which answered.

    An object that is both is two types: `Threshold`, a dataclass, and `AskedThreshold`, a TypedDict.
    """

    def __init__(self, schemas: dict[str, Schema]) -> None:
        self.schemas = schemas
        self.asked: set[str] = set()
        self.answered: set[str] = set()

    def resolve(self, schema: Schema) -> Schema:
        """The schema that a reference means."""
        while "$ref" in schema:
            schema = self.schemas[referred(schema)]
        return schema

    def flat(self, schema: Schema) -> Schema:
        """An object that is put together of several, as one."""
        schema = self.resolve(schema)
        if "allOf" not in schema:
            return schema
        parts = [self.flat(part) for part in schema["allOf"]]
        whole: Schema = {"type": "object", "properties": {}, "required": []}
        for part in parts:
            if "oneOf" in part:
                continue
            if part.get("type") != "object":
                raise NotKnown(f"put together of {json.dumps(part)}")
            whole["properties"] |= part.get("properties", {})
            whole["required"] += part.get("required", [])
        unions = [part for part in parts if "oneOf" in part]
        if len(unions) > 1:
            raise NotKnown("put together of two unions")
        for union in unions:
            variants = [self.flat({"allOf": [variant, whole]}) for variant in union["oneOf"]]
            for flat, variant in zip(variants, union["oneOf"], strict=True):
                flat["description"] = variant.get("description")
            whole = {"oneOf": variants, "common": whole}
        whole["description"] = schema.get("description")
        return whole

    def tag(self, schema: Schema) -> str | None:
        """The property that tells the variants of a union apart, if it is one of objects."""
        variants = [self.flat(variant) for variant in schema.get("oneOf", [])]
        if not variants or not all("properties" in variant for variant in variants):
            return None
        tags = [
            name
            for name, property in variants[0]["properties"].items()
            if all(len(variant["properties"].get(name, {}).get("enum", [])) == 1 for variant in variants)
        ]
        if len(tags) != 1:
            raise NotKnown(f"a union told apart by {tags}")
        return str(tags[0])

    def reach(self, schema: Schema, into: set[str]) -> None:
        """Notes all named schemas that one leads to."""
        if "$ref" in schema:
            name = referred(schema)
            if name not in into:
                into.add(name)
                self.reach(self.flat(self.schemas[name]), into)
            return
        for value in schema.values():
            for inner in value if isinstance(value, list) else [value]:
                if isinstance(inner, dict):
                    self.reach(inner, into)

    def is_object(self, name: str) -> bool:
        schema = self.flat(self.schemas[name])
        return "properties" in schema or self.tag(schema) is not None

    def name(self, name: str, asked: bool) -> str:
        """What a named schema is called."""
        both = name in self.asked and name in self.answered and self.is_object(name)
        return ("Asked" if both and asked else "") + class_name(name)

    def written(self, schema: Schema, asked: bool) -> str:
        """A schema as a type."""
        if "$ref" in schema:
            return self.name(referred(schema), asked)
        if "enum" in schema:
            return f"Literal[{', '.join(json.dumps(value) for value in schema['enum'])}]"
        variants = schema.get("oneOf") or schema.get("anyOf")
        if variants:
            # None last, as people write it.
            types = sorted({self.written(variant, asked): None for variant in variants}, key=lambda t: t == "None")
            return " | ".join(types)
        kind = schema.get("type")
        if isinstance(kind, list):
            return self.written({"oneOf": [{**schema, "type": one} for one in kind]}, asked)
        if kind == "array":
            return f"list[{self.written(schema['items'], asked)}]"
        if kind == "object" and "properties" not in schema:
            values = schema.get("additionalProperties")
            return f"dict[str, {self.written(values, asked) if isinstance(values, dict) else 'Any'}]"
        if isinstance(kind, str) and kind in SCALARS:
            return SCALARS[kind]
        if not set(schema) - {"description", "default", "example"}:
            return "Any"
        raise NotKnown(f"as a type: {json.dumps(schema)}")

    def code(self) -> Iterator[str]:
        """All that is reached, by name."""
        variants: list[str] = []
        for key in sorted(self.asked | self.answered, key=class_name):
            schema = self.flat(self.schemas[key])
            if not self.is_object(key):
                alias = f"{class_name(key)}: TypeAlias = {self.written(schema, False)}\n"
                yield documented(alias, schema.get("description"))
                continue
            tag = self.tag(schema)
            if key in self.asked:
                name = self.name(key, True)
                yield from self.asked_union(name, schema, tag) if tag else [self.asked_object(name, schema)]
            if key in self.answered:
                name = self.name(key, False)
                yield from self.union(name, schema, tag) if tag else [self.object(name, schema)]
                variants += [self.variants(name, schema, tag)] if tag else []
        yield documented(
            f"VARIANTS: dict[type, tuple[str, dict[str, type]]] = {{\n{''.join(variants)}}}\n",
            "For each class that has some: the field that tells its variants apart, and the classes they are.",
        )

    def object(self, name: str, schema: Schema, base: str = "", own: Iterable[str] | None = None) -> str:
        """What is answered."""
        lines = [f"@dataclass(frozen=True, kw_only=True)\nclass {name}{base}:\n"]
        lines.append(documentation(schema.get("description") or "What is answered.", "    "))
        for field, property in schema["properties"].items():
            if own is not None and field not in own:
                continue
            optional = field not in schema.get("required", [])
            written = self.written(property, False)
            written = or_none(written) if optional else written
            lines.append(f"\n    {field_name(field)}: {written}{' = None' if optional else ''}\n")
            lines.append(documentation(described(property), "    "))
        return "".join(lines)

    def union(self, name: str, schema: Schema, tag: str) -> Iterator[str]:
        """Variants of what is answered: the union is their base, and what a variant is that a later version adds."""
        common = schema.get("common", {"properties": {}, "required": []})
        base = {
            "description": schema.get("description"),
            "properties": {**common["properties"], tag: {"type": "string", "description": "Of which kind."}},
            "required": [*common["required"], tag],
        }
        yield self.object(name, base)
        for variant in map(self.flat, schema["oneOf"]):
            own = [field for field in variant["properties"] if field not in common["properties"]]
            yield self.object(self.variant(name, variant, tag), variant, f"({name})", own)

    def asked_object(self, name: str, schema: Schema) -> str:
        """What is asked."""
        text = documentation(schema.get("description") or "What is asked.", "    ")
        fields = []
        for field, property in schema["properties"].items():
            written = self.written(property, True)
            fields.append((field, f"Required[{written}]" if field in schema.get("required", []) else written, property))
        if any(field != field_name(field) for field, _, _ in fields):
            # What no attribute can be called is written as a text, types too: they may come later in the file.
            pairs = "".join(f'        "{field}": "{written}",\n' for field, written, _ in fields)
            code = f'{name} = TypedDict(\n    "{name}",\n    {{\n{pairs}    }},\n    total=False,\n)\n'
            return documented(code, schema.get("description"))
        lines = [f"class {name}(TypedDict, total=False):\n", text]
        for field, written, property in fields:
            lines.append(f"\n    {field}: {written}\n")
            lines.append(documentation(described(property), "    "))
        return "".join(lines)

    def asked_union(self, name: str, schema: Schema, tag: str) -> Iterator[str]:
        """Variants of what is asked."""
        for variant in map(self.flat, schema["oneOf"]):
            yield self.asked_object(self.variant(name, variant, tag), variant)
        names = " | ".join(self.variant(name, self.flat(variant), tag) for variant in schema["oneOf"])
        yield documented(f"{name}: TypeAlias = {names}\n", schema.get("description"))

    def variant(self, name: str, variant: Schema, tag: str) -> str:
        return class_name(variant["properties"][tag]["enum"][0]) + name

    def variants(self, name: str, schema: Schema, tag: str) -> str:
        lines = [f'    {name}: (\n        "{tag}",\n        {{\n']
        for variant in map(self.flat, schema["oneOf"]):
            word = variant["properties"][tag]["enum"][0]
            lines.append(f'            "{word}": {self.variant(name, variant, tag)},\n')
        return "".join([*lines, "        },\n    ),\n"])


def or_none(written: str) -> str:
    return written if written.endswith("None") else f"{written} | None"


def referred(schema: Schema) -> str:
    return str(schema["$ref"]).rsplit("/", 1)[1]


def described(property: Schema) -> str | None:
    """What a property says of itself, or the one of its variants that says something."""
    inner = (variant.get("description") for variant in property.get("oneOf", []))
    return property.get("description") or next(filter(None, inner), None)


def documented(code: str, text: str | None) -> str:
    return code + documentation(text, "")


# Routes


class Route:
    """One route of the document."""

    def __init__(self, types: Types, path: str, method: str, route: Schema) -> None:
        self.types, self.path, self.method = types, path, method
        self.name = route["operationId"]
        self.text = "\n\n".join(filter(None, [route.get("summary", "") + ".", route.get("description")]))
        self.parameters = route.get("parameters", [])
        self.body = content(route.get("requestBody", {}))
        self.body_needed = route.get("requestBody", {}).get("required", False)
        good = [answer for status, answer in route["responses"].items() if status.startswith("2")]
        if len(good) != 1:
            raise NotKnown(f"{method} {path} has {len(good)} good answers")
        self.answer = content(good[0])

    def reach(self) -> None:
        if self.body and self.body[0] == JSON:
            self.types.reach(self.body[1], self.types.asked)
        for parameter in self.parameters:
            self.types.reach(parameter["schema"], self.types.asked)
        if self.answer and self.answer[0] == JSON:
            self.types.reach(self.answer[1], self.types.answered)

    def code(self) -> str:
        given, passed = ["self"], [f'"{self.method.upper()}"', self.python_path()]
        given += [f"{p['name']}: {self.written(p['schema'], True)}" for p in self.parameters if p["in"] == "path"]
        if self.body:
            kind, schema = self.body
            written, argument = (self.written(schema, True), "json") if kind == JSON else ("bytes", "content")
            given.append(f"body: {written}" if self.body_needed else f"body: {or_none(written)} = None")
            passed.append(f"{argument}=body")
        for place in ["query", "header"]:
            some = [parameter for parameter in self.parameters if parameter["in"] == place]
            if any(parameter.get("required") for parameter in some):
                raise NotKnown(f"{self.method} {self.path} needs a {place}")
            if some and "*" not in given:
                given.append("*")
            given += [f"{field_name(p['name'])}: {or_none(self.written(p['schema'], True))} = None" for p in some]
            if some:
                pairs = ", ".join(f'"{p["name"]}": {field_name(p["name"])}' for p in some)
                passed.append(f"{place}={{{pairs}}}")
        how, result = self.how()
        if how == "json":
            passed.insert(0, self.written(self.answer[1], False) if self.answer else "None")
        return (
            called(f"    def {self.name}", given, f" -> {result}:\n")
            + documentation(f"{self.text}\n\n`{self.method.upper()} {self.path}`", "        ")
            + called(f"        return self._transport.{how}", passed, "\n")
        )

    def how(self) -> tuple[str, str]:
        """The transport's method, and what it gives."""
        if self.answer is None:
            return "nothing", "Answer[None]"
        kind, schema = self.answer
        if kind == JSON:
            if schema.get("type") == "object":
                return "document", "Answer[dict[str, Any]]"
            if "$ref" not in schema:
                raise NotKnown(f"{self.method} {self.path} answers {json.dumps(schema)}")
            return "json", f"Answer[{self.written(schema, False)}]"
        if kind == STREAM:
            return "lines", "Lines"
        if kind == BYTES:
            return "octets", "Answer[bytes]"
        return "text", "Answer[str]"

    def written(self, schema: Schema, asked: bool) -> str:
        written = self.types.written(schema, asked)
        return re.sub(r"\b([A-Z]\w*)", lambda m: m[0] if m[0] in ("None", "Any") else f"types.{m[0]}", written)

    def python_path(self) -> str:
        named = re.findall(r"\{(\w+)\}", self.path)
        if not named:
            return f'"{self.path}"'
        return 'f"' + re.sub(r"\{(\w+)\}", r"{part(\1)}", self.path) + '"'


def called(head: str, arguments: list[str], tail: str) -> str:
    """A call or a signature, each argument on a line of its own if they are many."""
    line = f"{head}({', '.join(arguments)}){tail}"
    if len(line) <= 120:
        return line
    indent = " " * (len(head) - len(head.lstrip()))
    lines = "".join(f"{indent}    {argument},\n" for argument in arguments)
    return f"{head}(\n{lines}{indent}){tail}"


def content(of: Schema) -> tuple[str, Schema] | None:
    """The kind of a body and its schema."""
    kinds = list(of.get("content", {}).items())
    if len(kinds) > 1:
        raise NotKnown(f"a body of {len(kinds)} kinds")
    return (kinds[0][0], kinds[0][1].get("schema", {})) if kinds else None


# Files


TYPES_HEAD = f'''\
"""What is asked of a host, and what it answers.

{MADE}
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Literal, Required, TypeAlias, TypedDict
'''

ROUTES_HEAD = f'''\
"""Every route of the REST interface, one method each.

{MADE}
"""

from __future__ import annotations

from typing import Any

from memtide import types
from memtide._transport import Answer, Lines, Transport, part


class Routes:
    """What can be asked of a host, as its description has it. `memtide.Memtide` is made of these."""

    def __init__(self, transport: Transport) -> None:
        self._transport = transport
'''


def files(document: Schema) -> dict[Path, str]:
    """The files, and what is to be in them."""
    types = Types(document["components"]["schemas"])
    routes = [
        Route(types, path, method, item[method])
        for path, item in document["paths"].items()
        for method in METHODS
        if method in item
    ]
    for route in routes:
        route.reach()
    for name in STREAMED:
        types.reach({"$ref": f"#/components/schemas/{name}"}, types.answered)
    in_types = "\n\n".join([TYPES_HEAD, *types.code()])
    in_routes = "\n".join([ROUTES_HEAD, *(route.code() for route in routes)])
    return {OUTPUT / "types.py": in_types, OUTPUT / "routes.py": in_routes}


def main() -> int:
    parser = argparse.ArgumentParser(description="Write the package's types and routes from docs/openapi.json.")
    parser.add_argument("--check", action="store_true", help="write nothing; fail if something would be written")
    check = parser.parse_args().check
    try:
        made = files(json.loads(DOCUMENT.read_text()))
    except NotKnown as error:
        print(f"error: docs/openapi.json has what the generator cannot write: {error}", file=sys.stderr)
        print("hint: teach sdk/python/tools/generate.py about it", file=sys.stderr)
        return 1
    differing = [path for path, text in made.items() if not path.exists() or path.read_text() != text]
    for path in differing:
        if check:
            print(f"error: {path.relative_to(PACKAGE)} is not what docs/openapi.json says", file=sys.stderr)
        else:
            path.write_text(made[path])
            print(f"sdk: wrote {path.relative_to(PACKAGE.parent.parent)}")
    if check and differing:
        print("hint: make sdk", file=sys.stderr)
    return 1 if check and differing else 0


if __name__ == "__main__":
    sys.exit(main())
