/** A bare fastify that parses the same JSON body and answers a small JSON: what HTTP in Node costs without a queue. */
import Fastify from "fastify";

const app = Fastify({ logger: false });
app.post("/enqueue", (request, reply) => {
  const body = request.body as { readonly task: string };
  void reply.code(202).send({ accepted: true, task: body.task });
});
await app.listen({ port: 0, host: "127.0.0.1" });
const address = app.server.address();
if (address === null || typeof address === "string") throw new Error("no port");
console.log(address.port);
