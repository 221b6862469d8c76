/** Hosts outside and tunnels to them, for tests. */
import https from "node:https";
import { createServer, type Socket } from "node:net";
import { CERTIFICATE, KEY } from "../guard/certificate.fixture.ts";
import { afterTest, type Front, type FrontOptions, listen, startFront } from "./front.fixture.ts";
import { openTunnel } from "./socket-client.fixture.ts";

export const HOST = "secure.example";

/** A secure web server behind port 443 of every host. */
export async function startSecure(options: FrontOptions = {}): Promise<Front> {
  const port = await listen(
    https.createServer({ cert: CERTIFICATE, key: KEY }, (_, response) => response.end("inside")),
  );
  return startFront({ ports: { 443: port }, ...options });
}

/** What a bare server behind port 443 hears. */
export async function startBare(
  answer: (socket: Socket) => void = () => {},
): Promise<{ front: Front; heard: () => string; sockets: Socket[] }> {
  const sockets: Socket[] = [];
  let heard = "";
  const port = await listen(
    createServer({ allowHalfOpen: true }, (socket) => {
      sockets.push(socket);
      socket.on("data", (chunk: Buffer) => (heard += chunk.toString("latin1")));
      answer(socket);
      // Whoever has nothing more to say ends too, once the client has.
      socket.once("end", () => socket.end());
    }),
  );
  return { front: await startFront({ ports: { 443: port, 2222: port } }), heard: () => heard, sockets };
}

export async function tunnelTo(front: Front, target: string): Promise<Socket> {
  const tunnel = await openTunnel(front.socket, target, "token");
  if (!tunnel.ok) throw new Error(tunnel.answer.body);
  tunnel.socket.on("error", () => undefined);
  afterTest(() => tunnel.socket.destroy());
  return tunnel.socket;
}
