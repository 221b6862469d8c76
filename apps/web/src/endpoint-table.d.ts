declare module "virtual:endpoint-table" {
  /** Method and path, with `:name` for each path parameter, by the endpoint's name. */
  export const endpointTable: Readonly<Record<string, readonly [method: string, path: string]>>;
}
