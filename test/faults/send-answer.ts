import type { IncomingMessage, OutgoingHttpHeaders, ServerResponse } from "node:http";
import { setTimeout as sleep } from "node:timers/promises";
import type { Fault } from "./random-answers.ts";

/** An answer of a server. */
export interface Answer {
  readonly status: number;
  /** With names in lower case. */
  readonly headers: OutgoingHttpHeaders;
  readonly body: Buffer;
}

/** Replaces the handler's answer if a fault answers the request in place of the handler. */
export const NO_ANSWER: Answer = { status: 500, headers: {}, body: Buffer.alloc(0) };

/** The delay between the first half of a body and the reset of the connection, in milliseconds. */
const CUT_DELAY = 5;

/**
 * Intercepts a handler's answer before it reaches the connection, and passes the answer to `send`. The handler must
 * call `writeHead` and `end` once each, as the registry in this process does.
 */
export function captureAnswer(response: ServerResponse, send: (right: Answer) => void): void {
  let status = 200;
  let headers: OutgoingHttpHeaders = {};
  const capture = {
    writeHead: (code: number, given: OutgoingHttpHeaders = {}) => {
      status = code;
      headers = given;
      return response;
    },
    end: (body: Buffer | string = "") => {
      for (const name of Object.keys(capture)) Reflect.deleteProperty(response, name);
      const all = { ...response.getHeaders(), ...headers };
      for (const name of response.getHeaderNames()) response.removeHeader(name);
      send({ status, headers: all, body: Buffer.from(body) });
      return response;
    },
  };
  Object.assign(response, capture);
}

/** Returns the right answer with the changes of a fault. */
export function changedAnswer(right: Answer, fault: Fault): Answer {
  const body = fault.body(right.body);
  const length = body === right.body ? right.headers["content-length"] : body.length;
  const changed = { ...right.headers, "content-length": length, ...fault.headers };
  if (changed["content-length"] === "too long") changed["content-length"] = body.length + 100;
  if (changed["content-length"] === "too short") changed["content-length"] = Math.floor(body.length / 2);
  const headers = Object.fromEntries(Object.entries(changed).filter(([, value]) => value !== undefined));
  return { status: fault.status ?? right.status, headers, body };
}

/** Sends an answer in the way that a fault defines. Does not throw if the connection is closed. */
export async function sendAnswer(
  request: IncomingMessage,
  response: ServerResponse,
  { status, headers, body }: Answer,
  { delivery, informational }: Fault,
): Promise<void> {
  const { socket } = request;
  if (delivery === "unanswered") return;
  if (delivery === "disconnected") return void socket.resetAndDestroy();
  if (delivery === "garbage") return void socket.end("SSH-2.0-OpenSSH_9.2\r\n");
  if (delivery !== "early") await readToEnd(request);
  if (socket.destroyed) return;
  for (const code of informational) sendInformational(response, code);
  response.writeHead(status, delivery === "early" ? { ...headers, connection: "close" } : headers);
  if (delivery === "whole" || delivery === "early") return void response.end(body);
  response.flushHeaders();
  response.write(body.subarray(0, Math.floor(body.length / 2)));
  await sleep(CUT_DELAY);
  if (delivery === "cut") socket.resetAndDestroy();
}

/** Reads the rest of a request. Also returns if the connection breaks. */
async function readToEnd(request: IncomingMessage): Promise<void> {
  if (request.readableEnded || request.destroyed) return;
  request.resume();
  await new Promise<void>((resolve) => {
    request.once("end", resolve).once("close", resolve).once("error", resolve);
  });
}

function sendInformational(response: ServerResponse, status: number): void {
  if (status === 100) response.writeContinue();
  else if (status === 102) response.writeProcessing();
  else response.writeEarlyHints({ link: "</style.css>; rel=preload; as=style" });
}
