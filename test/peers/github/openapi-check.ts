/**
 * Checks requests and answers against GitHub's own OpenAPI description. Only the operations a test uses are compiled,
 * with only the schemas they reach: the whole description has a thousand.
 */
import { readFileSync } from "node:fs";
import { Ajv, type ValidateFunction } from "ajv";
import addFormats from "ajv-formats";

type Json = Readonly<Record<string, unknown>>;

/** One operation of the API, ready to judge. */
export interface Operation {
  readonly method: string;
  readonly template: string;
  /** Parts of the path by name, such as `owner`. */
  readonly pathValues: Readonly<Record<string, string>>;
  /** What is wrong with a query and a body; empty: nothing. */
  readonly checkRequest: (query: URLSearchParams, body: unknown) => string[];
  /** What is wrong with an answer; empty: nothing. Statuses the description leaves to all operations are not judged. */
  readonly checkAnswer: (status: number, body: unknown) => string[];
  /** GitHub's own example of the answer with this status. */
  readonly example: (status: number) => Json;
}

/** Statuses any operation may answer with, though the description does not repeat them everywhere. */
const GENERAL = new Set([401, 403, 404, 429, 500, 502, 503]);

const description = asJson(
  JSON.parse(
    readFileSync(new URL("./node_modules/@octokit/openapi/generated/api.github.com.json", import.meta.url), "utf8"),
  ),
);
const paths = Object.keys(asJson(description.paths));
const ajv = new Ajv({ strict: false, allErrors: true, logger: false, coerceTypes: false });
addFormats.default(ajv);
const compiled = new Map<string, ValidateFunction>();

/** The operation a request is for; null when GitHub has none there. */
export function findOperation(method: string, path: string): Operation | null {
  for (const template of paths) {
    const names = [...template.matchAll(/\{([^}]+)\}/g)].map((match) => match[1] ?? "");
    const pattern = new RegExp(`^${template.replace(/[.]/g, "\\.").replace(/\{[^}]+\}/g, "([^/]+)")}$`);
    const values = pattern.exec(path);
    const operation = at(description, "paths", template, method.toLowerCase());
    if (!values || operation === undefined) continue;
    const pathValues = Object.fromEntries(
      names.map((name, index) => [name, decodeURIComponent(values[index + 1] ?? "")]),
    );
    return describe(method, template, asJson(operation), pathValues);
  }
  return null;
}

function describe(method: string, template: string, operation: Json, pathValues: Record<string, string>): Operation {
  const name = `${method} ${template}`;
  const parameters = (Array.isArray(operation.parameters) ? operation.parameters : []).map((one) =>
    resolve(asJson(one)),
  );
  const answer = (status: number): Json | undefined => {
    const found = at(operation, "responses", String(status));
    return found === undefined ? undefined : resolve(asJson(found));
  };
  return {
    method,
    template,
    pathValues,
    checkRequest: (query, body) => {
      const problems: string[] = [];
      const known = new Map(parameters.filter((one) => one.in === "query").map((one) => [String(one.name), one]));
      for (const [key, value] of query) {
        const parameter = known.get(key);
        if (!parameter) problems.push(`${name} has no parameter ${key}`);
        else
          problems.push(
            ...check(`${name} ?${key}`, asJson(parameter.schema), asTyped(value, asJson(parameter.schema))),
          );
      }
      const schema = at(operation, "requestBody", "content", "application/json", "schema");
      if (schema !== undefined) {
        problems.push(...check(`${name} body`, asJson(schema), body));
        const fields = fieldsOf(asJson(schema));
        for (const field of Object.keys(asJson(body ?? {}))) {
          if (!fields.includes(field)) problems.push(`${name} body has no field ${field}`);
        }
      } else if (body !== undefined) problems.push(`${name} takes no body`);
      return problems;
    },
    checkAnswer: (status, body) => {
      const found = answer(status);
      if (found === undefined) return GENERAL.has(status) ? [] : [`${name} never answers ${status}`];
      const schema = at(found, "content", "application/json", "schema");
      return schema === undefined ? [] : check(`${name} ${status}`, asJson(schema), body);
    },
    example: (status) => {
      const examples = asJson(at(answer(status) ?? {}, "content", "application/json", "examples") ?? {});
      const [first] = Object.values(examples);
      return asJson(resolve(asJson(first ?? {})).value ?? {});
    },
  };
}

/** The fields a body may have, in any of the forms it may take. */
function fieldsOf(schema: Json): string[] {
  const forms = [schema.oneOf, schema.anyOf].flatMap((several) => (Array.isArray(several) ? several : []));
  return [...Object.keys(asJson(schema.properties ?? {})), ...forms.flatMap((form) => fieldsOf(resolve(asJson(form))))];
}

function check(name: string, schema: Json, value: unknown): string[] {
  let validate = compiled.get(name);
  if (!validate) {
    const used: Record<string, unknown> = {};
    validate = ajv.compile({ ...asJson(toJsonSchema(schema, used)), components: { schemas: used } });
    compiled.set(name, validate);
  }
  if (validate(value)) return [];
  return (validate.errors ?? []).map((error) => `${name} ${error.instancePath} ${error.message ?? "is wrong"}`);
}

/** OpenAPI 3.0's `nullable` as JSON Schema says it, and with it every component the schema reaches. */
function toJsonSchema(node: unknown, used: Record<string, unknown>): unknown {
  if (Array.isArray(node)) return node.map((inner) => toJsonSchema(inner, used));
  if (typeof node !== "object" || node === null) return node;
  const { nullable, example: _example, examples: _examples, ...rest } = asJson(node);
  if (typeof rest.$ref === "string") {
    const name = rest.$ref.replace("#/components/schemas/", "");
    if (!(name in used)) {
      used[name] = {};
      used[name] = toJsonSchema(at(description, "components", "schemas", name), used);
    }
  }
  const schema = Object.fromEntries(Object.entries(rest).map(([key, inner]) => [key, toJsonSchema(inner, used)]));
  return nullable === true ? { anyOf: [schema, { type: "null" }] } : schema;
}

function resolve(node: Json): Json {
  if (typeof node.$ref !== "string") return node;
  return asJson(at(description, ...node.$ref.replace("#/", "").split("/")));
}

function at(node: unknown, ...keys: string[]): unknown {
  return keys.reduce<unknown>((inner, key) => (isJson(inner) ? inner[key] : undefined), node);
}

function asTyped(value: string, schema: Json): unknown {
  if (schema.type === "integer") return Number(value);
  return schema.type === "boolean" ? value === "true" : value;
}

function isJson(node: unknown): node is Json {
  return typeof node === "object" && node !== null;
}

function asJson(node: unknown): Json {
  if (!isJson(node)) throw new TypeError("GitHub's description has another shape than expected");
  return node;
}
