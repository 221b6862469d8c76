/** Short names side by side, such as the labels of a worker. They come from outside. */
export function Names({ names, none = "none" }: { readonly names: readonly string[]; readonly none?: string }) {
  if (names.length === 0) return <span className="text-soft">{none}</span>;
  return (
    <span className="flex flex-wrap gap-1">
      {names.map((name) => (
        <span
          key={name}
          className="outside-text rounded border border-line bg-raised px-1.5 font-mono text-xs leading-5"
        >
          {name}
        </span>
      ))}
    </span>
  );
}
