import { describe, expect, it } from "vitest";
import { compileTemplate, TemplateError, type TemplateOptions, type TemplateValues } from "./template.ts";
import { compileTexts } from "./text-templates.ts";

describe("a template", () => {
  it("is filled in with the values it is given", () => {
    expect(
      render("Sweep of {{ slot }} by {{ schedule.id }}", { slot: "2026-11-23", schedule: { id: "nightly" } }),
    ).toBe("Sweep of 2026-11-23 by nightly");
  });

  it("says instants in its own time zone", () => {
    const template = "{{ at | date: '%F %H:%M' }}";
    const values = { at: "2026-11-23T23:30:00Z" };
    expect(render(template, values)).toBe("2026-11-23 23:30");
    expect(render(template, values, { timezone: "Europe/Berlin" })).toBe("2026-11-24 00:30");
  });

  it("may ask whether a value is there", () => {
    const template =
      "{% if labels.team %}for {{ labels.team }}{% else %}for nobody{% endif %} {{ labels['x.y'] | default: '-' }}";
    expect(render(template, { labels: {} })).toBe("for nobody -");
    expect(render(template, { labels: { team: "api", "x.y": "1" } })).toBe("for api 1");
  });

  it("never reads a value as a template again", () => {
    for (const hostile of ["{{ secrets }}", "{% for i in (1..9) %}x{% endfor %}", "${{ env.TOKEN }}", "{{ '{{' }}"]) {
      expect(render("{{ title }} {{ title | append: '' }}", { title: hostile })).toBe(`${hostile} ${hostile}`);
    }
  });

  it.each([
    ["a method or what an object inherits", "{{ x.constructor }}", "undefined variable: x.constructor"],
    ["a prototype", "{{ x['__proto__'] }}", "undefined variable: x.__proto__"],
    ["a value that is not there", "one\n {{ nope }}", "line 2, column 5: undefined variable: nope"],
    ["a filter that does not exist", "{{ x | shout }}", "undefined filter: shout"],
    ["a filter that reads values as templates", "{{ x | where_exp: 'i', x }}", "undefined filter: where_exp"],
    ["a filter that undoes cleaning", "{{ x | base64_decode }}", "undefined filter: base64_decode"],
    ["another template", "{% include 'other' %}", 'tag "include" not found'],
    ["a file", "{% render '/etc/passwd' %}", 'tag "render" not found'],
    ["a layout", "{% layout 'page' %}", 'tag "layout" not found'],
    ["an end that is missing", "{% if x %}", "tag {% if x %} not closed"],
  ])("cannot have %s", (_what, template, message) => {
    expect(() => render(template, { x: {} })).toThrow(message);
  });

  it.each([
    ["counts to a hundred million", "{% for i in (1..100000000) %}x{% endfor %}"],
    ["nests its loops", "{% for i in (1..900) %}{% for j in (1..900) %}.{% endfor %}{% endfor %}"],
    [
      "doubles a text again and again",
      "{% assign s = 'ab' %}{% for i in (1..60) %}{% assign s = s | append: s %}{% endfor %}",
    ],
    ["says too much", "{% for i in (1..100) %}{{ long }}{% endfor %}"],
  ])("is stopped when it %s", (_what, template) => {
    expect(() => render(template, { long: "x".repeat(8192) })).toThrow(TemplateError);
  });

  it("is refused when it is read, where it names a value that nobody will give it", () => {
    const compile = () => compileTemplate("ok {{ slot }}\n{{ sceduled_for }}", { names: ["slot", "scheduled_for"] });
    expect(compile).toThrow(
      'line 2, column 4: there is no value "sceduled_for"; a template here may use slot, scheduled_for',
    );
    expect(() =>
      compileTemplate("{% for i in slot %}{{ i }}{{ forloop.index }}{% endfor %}", { names: ["slot"] }),
    ).not.toThrow();
  });
});

describe("settings with templates in them", () => {
  it("have every text filled in and everything else as it was", () => {
    const settings = {
      task: "agent",
      priority: 3,
      labels: ["a-{{ slot }}"],
      metadata: { when: "{{ slot }}", yes: true },
    };
    expect(compileTexts(settings, "schedules.nightly.job").render({ slot: "s1" })).toEqual({
      task: "agent",
      priority: 3,
      labels: ["a-s1"],
      metadata: { when: "s1", yes: true },
    });
  });

  it("are refused with the path and the place of what is wrong", () => {
    expect(() => compileTexts({ labels: ["x", "{{ a"] }, "sources.logs.job")).toThrow(
      /^sources\.logs\.job\.labels\[1\]: line 1, column 1: /,
    );
    const texts = compileTexts({ instructions: "{{ nope }}" }, "schedules.nightly.job");
    expect(() => texts.render({})).toThrow(
      "schedules.nightly.job.instructions: line 1, column 4: undefined variable: nope",
    );
  });
});

function render(text: string, values: TemplateValues, options: TemplateOptions = {}): string {
  return compileTemplate(text, options).render(values);
}
