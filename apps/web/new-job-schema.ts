/**
 * `virtual:new-job-schema`: what the form for a new job must know of each field, taken from the schema that the server
 * checks by, when the pages are built. The schema itself stays out of the browser.
 */
import { newJobSchema } from "@hive/protocol";
import type { Plugin } from "vite";

const NAME = "virtual:new-job-schema";

/** The limits of one field; those it has not are absent. */
export interface FieldLimits {
  readonly required?: true;
  readonly enum?: readonly string[];
  readonly minimum?: number;
  readonly maximum?: number;
  readonly maxLength?: number;
}

export function newJobSchemaModule(): Plugin {
  return {
    name: "hive-new-job-schema",
    resolveId: (id) => (id === NAME ? `\0${NAME}` : null),
    load: (id) => (id === `\0${NAME}` ? `export const newJobLimits = ${JSON.stringify(newJobLimits())};` : null),
  };
}

interface Node extends Omit<FieldLimits, "required"> {
  readonly $ref?: string;
  readonly properties?: Readonly<Record<string, Node>>;
  readonly required?: readonly string[];
}

/** By path; the fields of an object have paths such as `budget.usd`. */
export function newJobLimits(): Readonly<Record<string, FieldLimits>> {
  const schema: unknown = newJobSchema.toJSONSchema({ io: "input", unrepresentable: "any" });
  const { $defs, ...root } = schema as Node & { readonly $defs?: Readonly<Record<string, Node>> };
  const real = (node: Node): Node =>
    node.$ref === undefined ? node : ($defs?.[node.$ref.replace("#/$defs/", "")] ?? node);

  function fields(node: Node, prefix: string): (readonly [string, FieldLimits])[] {
    const { properties = {}, required = [] } = real(node);
    return Object.entries(properties).flatMap(([name, each]): (readonly [string, FieldLimits])[] => {
      const path = `${prefix}${name}`;
      const inner = real(each);
      if (inner.properties !== undefined) return fields(inner, `${path}.`);
      const { enum: choices, minimum, maximum, maxLength } = inner;
      const limits: FieldLimits = {
        ...(required.includes(name) ? { required: true } : {}),
        ...(choices === undefined ? {} : { enum: choices }),
        ...(minimum === undefined ? {} : { minimum }),
        ...(maximum === undefined ? {} : { maximum }),
        ...(maxLength === undefined ? {} : { maxLength }),
      };
      return [[path, limits]];
    });
  }
  return Object.fromEntries(fields(root, ""));
}
