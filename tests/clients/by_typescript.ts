// Hangs a call up through the types that openapi-typescript made: URL, app_id, access_token, session, msg.
import createClient from "openapi-fetch";
import type { paths } from "./api";

declare const process: { argv: string[] };
const [baseUrl, app_id, access_token, session, msg] = process.argv.slice(2);
const client = createClient<paths>({ baseUrl });
const { data } = await client.POST("/open/ivr/end/hangup", {
  body: { app_id, access_token, session, msg },
  headers: { "Content-Type": "application/x-www-form-urlencoded" },
});
console.log(data?.status);
