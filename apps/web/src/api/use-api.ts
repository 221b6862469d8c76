/** Questions and actions for components: what was asked is shared, kept fresh by the event stream, and asked again when lost. */
import {
  keepPreviousData,
  QueryClient,
  useMutation,
  type UseMutationResult,
  useQuery,
  useQueryClient,
  type UseQueryResult,
} from "@tanstack/react-query";
import { ApiError, call, type CallTo, type Name, type ReplyTo } from "./call.ts";

/** How often a question is asked again before its error is shown: a takeover lasts some seconds. */
const TRIES = 6;

export function createQueries(): QueryClient {
  return new QueryClient({
    defaultOptions: {
      queries: {
        // Events say what is old; without them (see live/) everything is asked again.
        staleTime: 30_000,
        retry: (count, error) => count < TRIES && (!(error instanceof ApiError) || error.retry),
        retryDelay: (count) => Math.min(500 * 2 ** count, 4_000),
        networkMode: "always",
      },
      mutations: { networkMode: "always" },
    },
  });
}

/** The key of a question: its endpoint, then what was asked. */
export function keyOf<N extends Name>(name: N, request: CallTo<N>): readonly [N, CallTo<N>] {
  return [name, request];
}

export interface Asking {
  /** Default: true. */
  readonly enabled?: boolean;
  /** Milliseconds after which it is asked again although no event came. Default: never. */
  readonly everyMs?: number;
  /** The last answer stays until the next one to another question is there. Default: false. */
  readonly keep?: boolean;
}

/** The answer of an endpoint with a JSON reply. */
export function useApi<N extends Name>(
  name: N,
  request: CallTo<N>,
  { enabled = true, everyMs, keep = false }: Asking = {},
): UseQueryResult<ReplyTo<N>> {
  return useQuery<ReplyTo<N>>({
    queryKey: keyOf(name, request),
    queryFn: ({ signal }) => call(name, request, signal),
    enabled,
    ...(everyMs === undefined ? {} : { refetchInterval: everyMs }),
    ...(keep ? { placeholderData: keepPreviousData } : {}),
  });
}

/**
 * Does something, once. `onDone` belongs here and not to `mutate`: a component that is gone by then, for instance a
 * dialog that closed, would not hear of it. Every question to one of `touches` is asked again.
 */
export function useAction<N extends Name>(
  name: N,
  {
    touches = [],
    onDone,
  }: {
    readonly touches?: readonly Name[];
    readonly onDone?: (reply: ReplyTo<N>, request: CallTo<N>) => void;
  } = {},
): UseMutationResult<ReplyTo<N>, Error, CallTo<N>> {
  const queries = useQueryClient();
  return useMutation<ReplyTo<N>, Error, CallTo<N>>({
    mutationFn: (request) => call(name, request),
    onSuccess: async (reply, request) => {
      onDone?.(reply, request);
      await Promise.all(touches.map((each) => queries.invalidateQueries({ queryKey: [each] })));
    },
  });
}
