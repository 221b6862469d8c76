import { Dialog } from "@base-ui/react/dialog";
import { X } from "lucide-react";
import type { ReactNode } from "react";
import { Button } from "./button.tsx";

export interface ModalProps {
  readonly open: boolean;
  readonly onClose: () => void;
  readonly title: ReactNode;
  readonly about?: ReactNode;
  /** At its end, from the most likely to the least. */
  readonly actions?: ReactNode;
  /** Default: false. */
  readonly wide?: boolean;
  readonly children?: ReactNode;
}

/** Something that wants an answer first. It keeps the focus, Escape closes it, and the focus goes back where it was. */
export function Modal({ open, onClose, title, about, actions, wide = false, children }: ModalProps) {
  return (
    <Dialog.Root open={open} onOpenChange={(next) => (next ? undefined : onClose())}>
      <Dialog.Portal>
        <Dialog.Backdrop className="fixed inset-0 z-40 bg-[#0b0a08]/55" />
        <Dialog.Popup
          className={`fixed top-[8dvh] left-1/2 z-50 flex max-h-[84dvh] w-[calc(100vw-2rem)] -translate-x-1/2 flex-col rounded-lg border border-line bg-panel shadow-xl ${wide ? "max-w-3xl" : "max-w-lg"}`}
        >
          <div className="flex items-start justify-between gap-3 px-5 pt-4">
            <Dialog.Title className="text-base font-semibold">{title}</Dialog.Title>
            <Dialog.Close render={<Button look="quiet" aria-label="Close" icon={<X aria-hidden size={17} />} />} />
          </div>
          {about !== undefined && (
            <Dialog.Description className="px-5 text-sm text-soft" render={<div />}>
              {about}
            </Dialog.Description>
          )}
          {children !== undefined && <div className="min-h-0 overflow-y-auto px-5 py-3">{children}</div>}
          {actions !== undefined && <div className="flex flex-wrap justify-end gap-2 px-5 pt-2 pb-4">{actions}</div>}
        </Dialog.Popup>
      </Dialog.Portal>
    </Dialog.Root>
  );
}

export interface ConfirmProps {
  readonly open: boolean;
  readonly onClose: () => void;
  readonly title: string;
  /** What will have happened. */
  readonly about: ReactNode;
  /** The verb on the button. */
  readonly verb: string;
  /** Default: true. */
  readonly danger?: boolean;
  readonly busy?: boolean;
  readonly onConfirm: () => void;
  readonly children?: ReactNode;
}

/** Asks before something that cannot be taken back. */
export function Confirm({
  open,
  onClose,
  title,
  about,
  verb,
  danger = true,
  busy = false,
  onConfirm,
  children,
}: ConfirmProps) {
  return (
    <Modal
      open={open}
      onClose={onClose}
      title={title}
      about={about}
      actions={
        <>
          <Button look={danger ? "danger" : "main"} busy={busy} onClick={onConfirm}>
            {verb}
          </Button>
          <Button onClick={onClose}>Leave it</Button>
        </>
      }
    >
      {children}
    </Modal>
  );
}
