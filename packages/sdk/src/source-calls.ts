/** What programs do with sources: what makes jobs of what other systems say. */

import {
  endpoints,
  type ApiClient,
  type DeliveryView,
  type DryRun,
  type GroupView,
  type SourceView,
} from "@hive/protocol";

/** A page of a list. */
export interface PageOptions {
  readonly cursor?: string;
  readonly limit?: number;
}

export interface SourceCalls {
  list(): Promise<readonly SourceView[]>;
  get(id: string): Promise<SourceView>;
  /** What a delivery with this body would be, and why; nothing is kept. */
  test(id: string, body: string, headers?: Readonly<Record<string, string>>): Promise<readonly DryRun[]>;
  /** Newest first. */
  deliveries(
    id: string,
    options?: PageOptions & { readonly state?: DeliveryView["state"] },
  ): Promise<{ readonly deliveries: readonly DeliveryView[]; readonly next: string | null }>;
  /** Reads a delivery again. Not sent again by itself: each replay counts once more. */
  replay(id: string, deliveryId: string): Promise<DeliveryView>;
  /** Last seen first. */
  groups(
    id: string,
    options?: PageOptions & { readonly stage?: GroupView["stage"] },
  ): Promise<{ readonly groups: readonly GroupView[]; readonly next: string | null }>;
  group(id: string, fingerprint: string): Promise<GroupView>;
  /** `until`: ISO 8601; without it until somebody says otherwise. */
  mute(
    id: string,
    fingerprint: string,
    options?: { readonly until?: string; readonly reason?: string },
  ): Promise<GroupView>;
  unmute(id: string, fingerprint: string): Promise<GroupView>;
  resolve(id: string, fingerprint: string, reason?: string): Promise<GroupView>;
  /** Lets a held group have its job, past every limit, once. */
  release(id: string, fingerprint: string, reason?: string): Promise<GroupView>;
}

/** `again` sends a request again that may be repeated. */
export function sourceCalls(api: ApiClient, again: <T>(call: () => Promise<T>) => Promise<T>): SourceCalls {
  const at = (sourceId: string) => ({ params: { sourceId } });
  const of = (sourceId: string, fingerprint: string) => ({ params: { sourceId, fingerprint } });
  const because = (reason: string | undefined) => ({ body: reason === undefined ? {} : { reason } });
  return {
    list: async () => (await again(() => api.call(endpoints.listSources, {}))).sources,
    get: (id) => again(() => api.call(endpoints.getSource, at(id))),
    async test(id, body, headers = {}) {
      const call = { ...at(id), body: { body, headers: { ...headers } } };
      return (await again(() => api.call(endpoints.testSource, call))).occurrences;
    },
    deliveries: (id, query = {}) => again(() => api.call(endpoints.listDeliveries, { ...at(id), query })),
    replay: (sourceId, deliveryId) => api.call(endpoints.replayDelivery, { params: { sourceId, deliveryId } }),
    groups: (id, query = {}) => again(() => api.call(endpoints.listGroups, { ...at(id), query })),
    group: (id, fingerprint) => again(() => api.call(endpoints.getGroup, of(id, fingerprint))),
    mute: (id, fingerprint, options = {}) =>
      again(() => api.call(endpoints.muteGroup, { ...of(id, fingerprint), body: options })),
    unmute: (id, fingerprint) => again(() => api.call(endpoints.unmuteGroup, of(id, fingerprint))),
    resolve: (id, fingerprint, reason) =>
      again(() => api.call(endpoints.resolveGroup, { ...of(id, fingerprint), ...because(reason) })),
    release: (id, fingerprint, reason) =>
      api.call(endpoints.releaseGroup, { ...of(id, fingerprint), ...because(reason) }),
  };
}
