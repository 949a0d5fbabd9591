// Shows the OpenAPI description: routes by tag, then the types, each with links to those it is made of.

const METHODS = ["get", "post", "patch", "delete"];

/** An element with attributes and content; text is only ever text. */
function make(name, attributes, ...content) {
  const element = document.createElement(name);
  for (const [key, value] of Object.entries(attributes)) element.setAttribute(key, value);
  element.append(...content.filter((part) => part !== undefined && part !== null));
  return element;
}

/** Prose, with what stands in backticks as code. */
function prose(text) {
  return (text ?? "").split("`").map((part, index) => (index % 2 ? make("code", {}, part) : part));
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
  return make("div", { class: "table" }, make("table", {}, make("caption", {}, ...[caption].flat()), ...body));
}

function fields(schema) {
  const required = new Set(schema.required ?? []);
  return Object.entries(schema.properties ?? {}).map(([name, field]) => [
    make("code", { class: required.has(name) ? "required" : "" }, name),
    typeOf(field),
    prose(field.description ?? field.oneOf?.find((one) => one.description)?.description),
  ]);
}

function bodyOf(content) {
  return Object.entries(content ?? {}).flatMap(([kind, { schema }]) => [...typeOf(schema), ` (${kind})`]);
}

/** How one asks for it in a terminal. */
function example(path, method, operation) {
  const json = operation.requestBody?.content["application/json"];
  const words = ["memtide api"];
  if (method !== (json ? "post" : "get")) words.push(`-X ${method.toUpperCase()}`);
  words.push(path.replace(/\{(\w+)\}/g, (_, name) => name.toUpperCase()));
  if (json) words.push("--data JSON");
  return make("pre", {}, words.join(" "));
}

function route(path, method, operation) {
  const parameters = (operation.parameters ?? []).map((parameter) => [
    make("code", { class: parameter.required ? "required" : "" }, parameter.name),
    parameter.in,
    typeOf(parameter.schema),
    prose(parameter.description),
  ]);
  const responses = Object.entries(operation.responses).map(([status, response]) => [
    make("code", {}, status),
    bodyOf(response.content),
    prose(response.description),
  ]);
  const asked = operation.requestBody && make("p", {}, "Body: ", ...bodyOf(operation.requestBody.content));
  const summary = make(
    "summary",
    {},
    make("span", { class: `method ${method}` }, method),
    make("span", { class: "path" }, path),
    make("span", { class: "summary" }, operation.summary ?? ""),
  );
  const about = operation.description && make("p", {}, ...prose(operation.description));
  const parts = [about, example(path, method, operation), table("Parameters", parameters), asked, table("Answers", responses)];
  return make("details", { id: operation.operationId, "data-words": `${path} ${operation.summary}`.toLowerCase() }, summary, ...parts);
}

function type(name, schema) {
  const parts = schema.oneOf ?? schema.allOf ?? [schema];
  const tables = parts.map((part) =>
    part.$ref ? make("p", {}, "With all of ", ...typeOf(part)) : table(prose(part === schema ? "Fields" : part.description), fields(part)),
  );
  const simple = schema.properties || schema.oneOf || schema.allOf ? null : make("p", {}, ...typeOf(schema));
  const summary = make("summary", {}, make("code", {}, name));
  return make("details", { id: `type-${name}`, "data-words": name.toLowerCase() }, summary, make("p", {}, ...prose(schema.description)), simple, ...tables);
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
document.getElementById("about").prepend(...prose(description.info.description), " ");
const routes = document.getElementById("routes");
for (const tag of description.tags) {
  const section = make("section", {}, make("h2", {}, tag.name), make("p", {}, ...prose(tag.description)));
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
