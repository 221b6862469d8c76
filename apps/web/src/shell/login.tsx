import { type FormEvent, useState } from "react";
import { ApiError, call } from "../api/call.ts";
import { useAction } from "../api/use-api.ts";
import { Button } from "../ui/button.tsx";
import { Field, Input } from "../ui/field.tsx";

/** Before anything else: who are you? Other ways to sign in will stand above this form. */
export function Login({ onDone }: { readonly onDone: () => void }) {
  const [token, setToken] = useState("");
  const [isLost, setIsLost] = useState(false);
  const open = useAction("openSession", { onDone: () => void arrive() });
  const { error } = open;
  const problem = error?.message ?? (isLost ? lostWords() : undefined);

  /** A browser may have thrown the cookie away, and then the form would come again without a word. */
  async function arrive(): Promise<void> {
    const { signedIn } = await call("getSession", {}).catch(() => ({ signedIn: true }));
    if (signedIn) onDone();
    else setIsLost(true);
  }

  function submit(event: FormEvent): void {
    event.preventDefault();
    setIsLost(false);
    open.mutate({ body: { token } });
  }

  return (
    <main className="mx-auto flex min-h-dvh max-w-md flex-col justify-center px-5 py-10">
      <img src="/bee.svg" alt="" width={56} height={56} className="mb-4" />
      <h1 className="text-2xl font-semibold tracking-tight">Hive</h1>
      <p className="mt-1 mb-5 text-sm text-soft">Sign in with this server's token.</p>
      <form onSubmit={submit} className="space-y-4">
        <Field
          label="INTERNAL_API_TOKEN"
          problem={problem}
          hint={
            <>
              On the server, <code>npm run hive -- token</code> prints it (in containers:{" "}
              <code>docker exec hive-dispatcher hive token</code>). The browser keeps a cookie in its place.
            </>
          }
        >
          {(tie) => (
            <Input
              {...tie}
              type="password"
              name="token"
              autoComplete="current-password"
              autoFocus
              required
              value={token}
              onChange={(event) => setToken(event.target.value)}
            />
          )}
        </Field>
        <Button type="submit" look="main" busy={open.isPending} className="w-full">
          {error instanceof ApiError && error.retry ? "Try again" : "Sign in"}
        </Button>
      </form>
    </main>
  );
}

function lostWords(): string {
  const where =
    location.protocol === "https:"
      ? "Let it keep those of this page."
      : "This server's public address (HIVE_PUBLIC_URL) begins with https://: open Hive there.";
  return `The token is right, but this browser kept no cookie. ${where}`;
}
