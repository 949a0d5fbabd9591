// Writes src/api/schema.ts: the types of docs/openapi.json, and of every route what it takes and answers.
// What of OpenAPI the document does not use is refused rather than guessed.
import { readFileSync, writeFileSync } from 'node:fs';

const from = new URL('../../docs/openapi.json', import.meta.url);
const to = new URL('../src/api/schema.ts', import.meta.url);
const methods = ['get', 'post', 'put', 'patch', 'delete'];
const numbers = new Set(['integer', 'number']);

function typeOf(schema) {
  if (schema === undefined || Object.keys(schema).length === 0) return 'unknown';
  if (schema.$ref) return nameOf(schema.$ref);
  if (schema.enum) return schema.enum.map((value) => JSON.stringify(value)).join(' | ');
  const variants = schema.oneOf ?? schema.anyOf;
  if (variants) return union(variants.map(typeOf));
  if (schema.allOf) return schema.allOf.map(typeOf).map(bracket).join(' & ');
  if (Array.isArray(schema.type)) return union(schema.type.map((type) => typeOf({ ...schema, type })));
  if (schema.type === 'array') return `${bracket(typeOf(schema.items))}[]`;
  if (schema.type === 'object' || schema.properties) return objectOf(schema);
  if (numbers.has(schema.type)) return 'number';
  if (['string', 'boolean', 'null'].includes(schema.type)) return schema.type;
  if (schema.type === undefined) return 'unknown';
  throw new Error(`cannot write as a type: ${JSON.stringify(schema)}`);
}

const nameOf = (ref) => ref.slice(ref.lastIndexOf('/') + 1);
const bracket = (type) => (/[ |&]/.test(type) && !type.startsWith('{') ? `(${type})` : type);
const union = (types) => [...new Set(types)].join(' | ');

function objectOf({ properties = {}, required = [], additionalProperties }) {
  const fields = Object.entries(properties).map(([name, schema]) => {
    const mark = required.includes(name) ? '' : '?';
    return `${comment(schema.description)}${JSON.stringify(name)}${mark}: ${typeOf(schema)};`;
  });
  if (additionalProperties) fields.push(`[name: string]: ${typeOf(additionalProperties)};`);
  return fields.length === 0 ? 'Record<string, unknown>' : `{\n${fields.join('\n')}\n}`;
}

const comment = (text) => (text ? `/** ${text.replaceAll('*/', '').replaceAll('\n', ' ')} */\n` : '');

function routeOf(path, method, route) {
  const body = Object.values(route.requestBody?.content ?? {})[0]?.schema;
  const [, good] = Object.entries(route.responses).find(([status]) => status.startsWith('2'));
  const answer = Object.values(good.content ?? {})[0]?.schema;
  const types = `{ body: ${body ? typeOf(body) : 'undefined'}; answer: ${answer ? typeOf(answer) : 'undefined'} }`;
  return `${comment(route.summary)}'${method.toUpperCase()} ${path}': ${types};`;
}

const { components, paths } = JSON.parse(readFileSync(from, 'utf8'));
const schemas = Object.entries(components.schemas).map(
  ([name, schema]) => `${comment(schema.description)}export type ${name} = ${typeOf(schema)};\n`,
);
const routes = Object.entries(paths).flatMap(([path, item]) =>
  methods.filter((method) => item[method]).map((method) => routeOf(path, method, item[method])),
);
writeFileSync(
  to,
  `// Made from docs/openapi.json by tools/types.mjs.\n\n${schemas.join('\n')}\nexport interface Routes {\n${routes.join('\n')}\n}\n`,
);
