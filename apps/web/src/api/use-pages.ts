/** Lists that come in pages: what was shown stays, and "more" goes on behind it. */
import { type InfiniteData, useInfiniteQuery } from "@tanstack/react-query";
import { call, type CallTo, type Name, type ReplyTo } from "./call.ts";

/** The endpoints whose reply ends with where the list goes on. */
type Listing = { [N in Name]: ReplyTo<N> extends { readonly next: string | null } ? N : never }[Name];

export interface Pages<N extends Listing> {
  /** Those that came so far, in order. Undefined: none yet. */
  readonly pages: readonly ReplyTo<N>[] | undefined;
  readonly error: Error | null;
  readonly isPending: boolean;
  /** Null: there are no more. */
  readonly more: (() => void) | null;
  /** More are under way. */
  readonly isMore: boolean;
  readonly again: () => void;
}

/** The pages of a list. `everyMs`: asked again after so long although no event came. Default: never. */
export function usePages<N extends Listing>(
  name: N,
  request: CallTo<N>,
  { enabled = true, everyMs }: { readonly enabled?: boolean; readonly everyMs?: number } = {},
): Pages<N> {
  const asked = useInfiniteQuery<ReplyTo<N>, Error, InfiniteData<ReplyTo<N>>, readonly unknown[], string | null>({
    queryKey: [name, request, "pages"],
    queryFn: ({ pageParam, signal }) => {
      const query = { ...(request.query as object | undefined), ...(pageParam === null ? {} : { cursor: pageParam }) };
      return call(name, { ...request, query } as CallTo<N>, signal);
    },
    initialPageParam: null,
    getNextPageParam: (last) => (last as { readonly next: string | null }).next,
    enabled,
    ...(everyMs === undefined ? {} : { refetchInterval: everyMs }),
  });
  return {
    pages: asked.data?.pages,
    error: asked.error,
    isPending: asked.isPending,
    more: asked.hasNextPage ? () => void asked.fetchNextPage() : null,
    isMore: asked.isFetchingNextPage,
    again: () => void asked.refetch(),
  };
}
