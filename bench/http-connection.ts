/**
 * One kept-alive HTTP/1.1 connection with one request under way, for load programs: on a machine with two cores what a
 * client library spends is taken from the server that is being measured. It reads replies that carry a Content-Length,
 * which all JSON replies of Hive do, and throws at anything else.
 */
import { connect, type Socket } from "node:net";

/** A reply with its JSON body. */
export interface JsonReply {
  readonly status: number;
  readonly json: unknown;
}

const HEAD_END = Buffer.from("\r\n\r\n");

export class HttpConnection {
  readonly #socket: Socket;
  readonly #port: number;
  #received: Buffer[] = [];
  #bytes = 0;
  /** Bytes of the reply under way, head included; 0 while its head is not whole. */
  #expected = 0;
  #headBytes = 0;
  #status = 0;
  #waiting: { readonly resolve: (reply: JsonReply) => void; readonly reject: (error: Error) => void } | null = null;

  private constructor(port: number, socket: Socket) {
    this.#port = port;
    this.#socket = socket;
    socket.setNoDelay(true);
    socket.on("data", (chunk: Buffer) => this.#take(chunk));
    socket.on("error", (error) => this.#fail(error));
    socket.on("close", () => this.#fail(new Error("the server closed the connection")));
  }

  /** Connects to a server of this machine. */
  static open(port: number): Promise<HttpConnection> {
    return new Promise((resolve, reject) => {
      const socket = connect({ host: "127.0.0.1", port }, () => {
        socket.off("error", reject);
        resolve(new HttpConnection(port, socket));
      });
      socket.once("error", reject);
    });
  }

  /** Sends JSON and waits for the reply. `body` is JSON as text. */
  post(path: string, token: string, body: string): Promise<JsonReply> {
    if (this.#waiting !== null) throw new Error("a request is under way on this connection");
    return new Promise((resolve, reject) => {
      this.#waiting = { resolve, reject };
      this.#socket.write(
        `POST ${path} HTTP/1.1\r\nHost: 127.0.0.1:${this.#port}\r\nAuthorization: Bearer ${token}\r\n` +
          `Content-Type: application/json\r\nContent-Length: ${Buffer.byteLength(body)}\r\n\r\n${body}`,
      );
    });
  }

  /** As `post`. @throws when the status is another than `status` */
  async expect(status: number, path: string, token: string, body: unknown): Promise<unknown> {
    const reply = await this.post(path, token, typeof body === "string" ? body : JSON.stringify(body));
    if (reply.status !== status)
      throw new Error(`POST ${path} answered ${reply.status}: ${JSON.stringify(reply.json)}`);
    return reply.json;
  }

  close(): void {
    this.#socket.removeAllListeners("close");
    this.#socket.destroy();
  }

  #take(chunk: Buffer): void {
    this.#received.push(chunk);
    this.#bytes += chunk.length;
    if (this.#expected === 0 && !this.#readHead()) return;
    if (this.#bytes < this.#expected) return;
    const whole = this.#received.length === 1 ? chunk : Buffer.concat(this.#received);
    const text = whole.toString("utf8", this.#headBytes, this.#expected);
    const waiting = this.#waiting;
    const status = this.#status;
    this.#received = [];
    this.#bytes = 0;
    this.#expected = 0;
    this.#waiting = null;
    if (waiting === null) return;
    try {
      waiting.resolve({ status, json: JSON.parse(text) as unknown });
    } catch (error) {
      waiting.reject(new Error(`the reply is not JSON: ${text.slice(0, 200)}`, { cause: error }));
    }
  }

  #readHead(): boolean {
    const whole = Buffer.concat(this.#received);
    this.#received = [whole];
    const end = whole.indexOf(HEAD_END);
    if (end < 0) return false;
    const head = whole.toString("latin1", 0, end);
    const length = /\r\ncontent-length: *(\d+)/i.exec(head)?.[1];
    if (length === undefined) {
      this.#fail(new Error(`a reply without Content-Length: ${head.slice(0, 200)}`));
      return false;
    }
    this.#status = Number(head.slice(9, 12));
    this.#headBytes = end + HEAD_END.length;
    this.#expected = this.#headBytes + Number(length);
    return true;
  }

  #fail(error: Error): void {
    this.#waiting?.reject(error);
    this.#waiting = null;
  }
}
