// Shows the OpenAPI description: routes by tag, then the types, each with links to those it is made of.

const METHODS = ["get", "post", "patch", "delete"];

/** An element with attributes and content; text is only ever text. */
function make(name, attributes, ...content) {
  const element = document.createElement(name);
  for (const [key, value] of Object.entries(attributes)) element.setAttribute(key, value);
  element.append(...content.filter((part) => part !== undefined && part !== null));
  return element;
}

/** What a schema is, in a few words and links. */
function typeOf(schema) {
  if (!schema) return ["anything"];
  if (schema.$ref) {
    const name = schema.$ref.split("/").pop();
    return [make("a", { href: `#type-${name}` }, name)];
  }
  const several = schema.oneOf ?? schema.anyOf;
  if (several) return several.flatMap((one, index) => (index ? [" or ", ...typeOf(one)] : typeOf(one)));
  if (schema.allOf) return schema.allOf.flatMap((one, index) => (index ? [" and ", ...typeOf(one)] : typeOf(one)));
  if (schema.enum) return [schema.enum.map((value) => JSON.stringify(value)).join(" or ")];
  if (schema.type === "array") return ["list of ", ...typeOf(schema.items)];
  if (schema.type === "object" && schema.additionalProperties?.type) {
    return ["by name: ", ...typeOf(schema.additionalProperties)];
  }
  const type = [schema.type ?? "anything"].flat().join(" or ");
  const range = [schema.minimum, schema.maximum];
  return [range[1] === undefined ? type : `${type}, ${range[0] ?? ""} to ${range[1]}`];
}

function table(caption, rows) {
  if (!rows.length) return null;
  const body = rows.map((cells) => make("tr", {}, ...cells.map((cell) => make("td", {}, ...[cell].flat()))));
  return make("div", { class: "table" }, make("table", {}, make("caption", {}, caption), ...body));
}

function fields(schema) {
  const required = new Set(schema.required ?? []);
  return Object.entries(schema.properties ?? {}).map(([name, field]) => [
    make("code", { class: required.has(name) ? "required" : "" }, name),
    typeOf(field),
    field.description ?? field.oneOf?.[0]?.description ?? "",
  ]);
}

function bodyOf(content) {
  return Object.entries(content ?? {}).flatMap(([kind, { schema }]) => [...typeOf(schema), ` (${kind})`]);
}

function route(path, method, operation) {
  const parameters = (operation.parameters ?? []).map((parameter) => [
    make("code", { class: parameter.required ? "required" : "" }, parameter.name),
    parameter.in,
    typeOf(parameter.schema),
    parameter.description ?? "",
  ]);
  const responses = Object.entries(operation.responses).map(([status, response]) => [
    make("code", {}, status),
    bodyOf(response.content),
    response.description,
  ]);
  const asked = operation.requestBody && make("p", {}, "Body: ", ...bodyOf(operation.requestBody.content));
  const summary = make(
    "summary",
    {},
    make("span", { class: "method" }, method),
    make("span", { class: "path" }, path),
    make("span", { class: "summary" }, operation.summary ?? ""),
  );
  const about = operation.description && make("p", {}, operation.description);
  const parts = [about, table("Parameters", parameters), asked, table("Answers", responses)];
  return make("details", { id: operation.operationId, "data-words": `${path} ${operation.summary}`.toLowerCase() }, summary, ...parts);
}

function type(name, schema) {
  const parts = schema.oneOf ?? schema.allOf ?? [schema];
  const tables = parts.map((part) =>
    part.$ref ? make("p", {}, "With all of ", ...typeOf(part)) : table(part.description ?? "", fields(part)),
  );
  const simple = schema.properties || schema.oneOf || schema.allOf ? null : make("p", {}, ...typeOf(schema));
  const summary = make("summary", {}, make("code", {}, name));
  return make("details", { id: `type-${name}`, "data-words": name.toLowerCase() }, summary, schema.description ?? "", simple, ...tables);
}

/** A link to a type opens it. */
function open() {
  const target = document.getElementById(decodeURIComponent(location.hash.slice(1)));
  if (target instanceof HTMLDetailsElement) {
    target.open = true;
    target.scrollIntoView();
  }
}

const description = await (await fetch("/v1/openapi.json")).json();
document.getElementById("about").prepend(`${description.info.description} `);
const routes = document.getElementById("routes");
for (const tag of description.tags) {
  const section = make("section", {}, make("h2", {}, tag.name), make("p", {}, tag.description ?? ""));
  for (const [path, item] of Object.entries(description.paths)) {
    for (const method of METHODS) {
      if (item[method]?.tags?.includes(tag.name)) section.append(route(path, method, item[method]));
    }
  }
  routes.append(section);
}
document.getElementById("types").append(
  ...Object.entries(description.components.schemas).map(([name, schema]) => type(name, schema)),
);
document.getElementById("find").addEventListener("input", ({ target }) => {
  const words = target.value.toLowerCase();
  for (const one of document.querySelectorAll("[data-words]")) one.hidden = !one.dataset.words.includes(words);
});
window.addEventListener("hashchange", open);
open();
