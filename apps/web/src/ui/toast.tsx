import { Toast } from "@base-ui/react/toast";
import { X } from "lucide-react";
import { Button } from "./button.tsx";

const manager = Toast.createToastManager();

/** Says that something was done, in the corner, for some seconds; read aloud when the reader has time. */
export function tell(title: string, action?: { readonly label: string; readonly onClick: () => void }): void {
  manager.add({
    title,
    ...(action === undefined
      ? {}
      : { actionProps: { children: action.label, onClick: action.onClick }, timeout: 8_000 }),
  });
}

/** Says that something could not be done, and why. */
export function tellError(error: Error): void {
  manager.add({ title: error.message, type: "error", priority: "high", timeout: 10_000 });
}

/** Where they appear; once per page. */
export function Toasts() {
  return (
    <Toast.Provider toastManager={manager}>
      <Toast.Portal>
        <Toast.Viewport className="fixed right-4 bottom-4 z-50 flex w-[min(24rem,calc(100vw-2rem))] flex-col gap-2 max-sm:bottom-20">
          <List />
        </Toast.Viewport>
      </Toast.Portal>
    </Toast.Provider>
  );
}

function List() {
  const { toasts } = Toast.useToastManager();
  return toasts.map((toast) => (
    <Toast.Root
      key={toast.id}
      toast={toast}
      className={`rounded-md border bg-panel px-3 py-2 text-sm shadow-lg ${toast.type === "error" ? "border-bad text-bad" : "border-line"}`}
    >
      <Toast.Content className="flex items-start justify-between gap-2">
        <Toast.Title className="outside-text pt-1 font-normal" render={<p />} />
        <span className="flex shrink-0 gap-1">
          {toast.actionProps !== undefined && <Toast.Action render={<Button />} />}
          <Toast.Close render={<Button look="quiet" aria-label="Close" icon={<X aria-hidden size={15} />} />} />
        </span>
      </Toast.Content>
    </Toast.Root>
  ));
}
