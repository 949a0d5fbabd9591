"""The generator, on small descriptions: what it writes of each construct is Python that means it."""

from __future__ import annotations

import sys
from types import ModuleType
from typing import Any, Required, get_type_hints

import pytest
from generate import OUTPUT, NotKnown, files

Schema = dict[str, Any]

REF = "#/components/schemas/"
WORD = {"type": "string"}
BASE = {name: {"type": "object", "properties": {}} for name in ["StreamSnapshot", "Event", "HostStatus"]}


def json_of(schema: Schema) -> Schema:
    return {"content": {"application/json": {"schema": schema}}}


def made(schemas: dict[str, Schema], **route: Any) -> tuple[dict[str, Any], str]:
    """The types, imported, and the text of the routes, of a description with one route."""
    route = {"operationId": "ask", "responses": {"200": json_of({"$ref": REF + "Answered"})}, **route}
    schemas = {**BASE, "Answered": {"type": "object", "properties": {}}, **schemas}
    texts = files({"components": {"schemas": schemas}, "paths": {"/v1/things/{name}": {"post": route}}})
    # Who asks a class for its types looks for its module among those that are imported.
    module = sys.modules["made"] = ModuleType("made")
    exec(texts[OUTPUT / "types.py"], module.__dict__)
    return module.__dict__, texts[OUTPUT / "routes.py"]


def test_objects_that_are_asked_and_answered_are_two_types() -> None:
    level = {"type": "object", "properties": {"raise": WORD, "from": WORD}, "required": ["raise"]}
    asked = {"type": "object", "properties": {"level": {"$ref": REF + "Level"}, "next": {"$ref": REF + "Asked"}}}
    answered = {"type": "object", "properties": {"level": {"$ref": REF + "Level"}}, "required": ["level"]}
    types, routes = made(
        {"Level": level, "Asked": asked, "Answered": answered},
        requestBody={"required": True, **json_of({"$ref": REF + "Asked"})},
    )
    assert types["Level"](raise_="a").from_ is None

    def hints(kind: Any) -> dict[str, Any]:
        return get_type_hints(kind, include_extras=True)

    assert hints(types["AskedLevel"]) == {"raise": Required[str], "from": str}
    assert hints(types["Asked"]) == {"level": types["AskedLevel"], "next": types["Asked"]}
    assert hints(types["Answered"]) == {"level": types["Level"]}
    assert "def ask(self, body: types.Asked) -> Answer[types.Answered]:" in routes


def test_variants_are_told_apart_and_have_what_is_common() -> None:
    def variant(word: str, **properties: Schema) -> Schema:
        tag = {"enum": [word], "type": "string"}
        return {"type": "object", "properties": {"event": tag, **properties}, "required": ["event", *properties]}

    what = {"oneOf": [variant("made", thing=WORD), {"allOf": [{"$ref": REF + "Inner"}, variant("gone")]}]}
    inner = {"type": "object", "properties": {"why": WORD}, "required": ["why"]}
    number = {"type": "object", "properties": {"seq": {"type": "integer"}}, "required": ["seq"]}
    types, _ = made({"What": what, "Inner": inner, "Event": {"allOf": [{"$ref": REF + "What"}, number]}})
    gone = types["GoneEvent"](seq=1, event="gone", why="w")
    assert isinstance(gone, types["Event"])
    assert types["VARIANTS"][types["Event"]] == ("event", {"made": types["MadeEvent"], "gone": types["GoneEvent"]})
    assert "What" not in types


def test_what_may_be_left_out_is_left_out() -> None:
    _, routes = made(
        {"Asked": {"type": "object", "properties": {}}},
        parameters=[
            {"name": "name", "in": "path", "required": True, "schema": WORD},
            {"name": "from", "in": "query", "schema": {"type": "boolean"}},
            {"name": "if-match", "in": "header", "schema": WORD},
        ],
        requestBody=json_of({"oneOf": [{"$ref": REF + "Asked"}, {"type": "null"}]}),
    )
    assert "body: types.Asked | None = None" in routes
    assert "from_: bool | None = None" in routes
    assert '"/v1/things/{part(name)}"' in routes
    assert 'header={"if-match": if_match}' in routes


@pytest.mark.parametrize(
    "schema",
    [
        {"type": "tuple"},
        {"not": WORD},
        {"type": "object", "properties": {"a": {"type": "object", "properties": {"b": WORD}}}},
        {"allOf": [WORD, WORD]},
        {"oneOf": [{"type": "object", "properties": {"a": WORD}}, {"type": "object", "properties": {"a": WORD}}]},
    ],
)
def test_what_it_does_not_know_is_refused(schema: Schema) -> None:
    with pytest.raises(NotKnown):
        made({"Answered": {"type": "object", "properties": {"field": {"$ref": REF + "Field"}}}, "Field": schema})
