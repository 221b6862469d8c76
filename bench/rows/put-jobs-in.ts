/** Fills a dispatcher with waiting jobs, as fast as it takes them. */
import { API_TOKEN } from "../dispatcher.ts";
import { HttpConnection } from "../http-connection.ts";
import { JOB_BODY } from "../job-body.ts";

/** Jobs of one request. */
const BATCH = 1_000;

/** @throws when one was not taken */
export async function putJobsIn(port: number, jobs: number): Promise<void> {
  const connection = await HttpConnection.open(port);
  for (let done = 0; done < jobs; done += BATCH) {
    const body = { jobs: Array.from({ length: Math.min(BATCH, jobs - done) }, () => JOB_BODY) };
    await connection.expect(202, "/v1/jobs", API_TOKEN, body);
  }
  connection.close();
}
