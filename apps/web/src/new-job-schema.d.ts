declare module "virtual:new-job-schema" {
  /** The limits of a new job's fields by their paths, such as `priority` or `budget.usd`. */
  export const newJobLimits: Readonly<
    Record<
      string,
      | {
          readonly required?: true;
          readonly enum?: readonly string[];
          readonly minimum?: number;
          readonly maximum?: number;
          readonly maxLength?: number;
        }
      | undefined
    >
  >;
}
