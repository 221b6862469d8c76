/**
 * A piece of settings whose texts are templates, such as the `job:` of a schedule: every text in it is read once, when
 * the settings are, and filled in each time a job is made. Names of members are never templates.
 */

import {
  compileTemplate,
  type Template,
  TemplateError,
  type TemplateOptions,
  type TemplateValues,
} from "./template.ts";

/** Settings with their texts read. */
export interface TextTemplates {
  /** The settings with every text filled in; to be judged by their schema then. @throws Error, naming path and place */
  render(values: TemplateValues): unknown;
}

/**
 * Reads every text within `value`.
 * @param path where `value` stands in the settings, for messages: `schedules.nightly.job`
 * @throws Error naming the path and place of the text that cannot be read
 */
export function compileTexts(value: unknown, path: string, options: TemplateOptions = {}): TextTemplates {
  const fill = read(value, path, options);
  return { render: (values) => fill(values) };
}

type Fill = (values: TemplateValues) => unknown;

function read(value: unknown, path: string, options: TemplateOptions): Fill {
  if (typeof value === "string") return readText(value, path, options);
  if (Array.isArray(value)) {
    const items = value.map((item, place) => read(item, `${path}[${place}]`, options));
    return (values) => items.map((fill) => fill(values));
  }
  if (typeof value === "object" && value !== null) {
    const members = Object.entries(value).map(
      ([name, item]) => [name, read(item, `${path}.${name}`, options)] as const,
    );
    return (values) => Object.fromEntries(members.map(([name, fill]) => [name, fill(values)]));
  }
  return () => value;
}

function readText(text: string, path: string, options: TemplateOptions): Fill {
  // Most texts are plain; those cost nothing.
  if (!text.includes("{{") && !text.includes("{%")) return () => text;
  const template: Template = at(path, () => compileTemplate(text, options));
  return (values) => at(path, () => template.render(values));
}

function at<T>(path: string, act: () => T): T {
  try {
    return act();
  } catch (error) {
    if (error instanceof TemplateError) throw new Error(`${path}: ${error.message}`, { cause: error });
    throw error;
  }
}
