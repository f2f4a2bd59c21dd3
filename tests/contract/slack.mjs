// Slack publishes no schema for incoming webhooks: these are the rules of its documentation
// (https://docs.slack.dev/messaging/sending-messages-using-incoming-webhooks).

import { parsed } from "./tap.mjs";

const FIELDS = ["text", "blocks", "attachments", "mrkdwn", "unfurl_links", "unfurl_media"];

const REFUSALS = {
  400: ["invalid_payload", "no_text", "too_many_attachments", "user_not_found"],
  403: ["action_prohibited", "invalid_token", "posting_to_general_channel_denied"],
  404: ["channel_not_found", "no_service", "no_team", "no_active_hooks"],
  410: ["channel_is_archived"], 429: ["rate_limited"], 500: ["rollup_error"],
};

function judgeText(text, path) {
  if (typeof text !== "string" || text === "") {
    return [`request: ${path} is no text`];
  }
  // What is left when entities, links and mentions are taken away.
  const rest = text.replace(/&(amp|lt|gt);/g, "")
    .replace(/<(https?:\/\/[^<>|]+|mailto:[^<>|]+|[@#!][^<>|]+)(\|[^<>]*)?>/g, "");
  return /[&<>]/.test(rest) ? [`request: ${path} has an unescaped & < or >`] : [];
}

function judgeBody(body) {
  if (body === null || typeof body !== "object" || Array.isArray(body)) {
    return ["request: the body is no JSON object"];
  }
  const found = Object.keys(body).filter((n) => !FIELDS.includes(n))
    .map((n) => `request: there is no field "${n}"`);
  found.push(...judgeText(body.text, "text"));
  for (const [name, most] of [["blocks", 50], ["attachments", 100]]) {
    const list = body[name] ?? [];
    if (!Array.isArray(list) || list.length > most) {
      found.push(`request: ${name} is no list of at most ${most}`);
    } else if (name === "blocks" && !list.every((b) => typeof b?.type === "string")) {
      found.push("request: a block without a type");
    }
  }
  return found;
}

function judgeAnswer(exchange) {
  const text = exchange.answer.toString("utf8");
  const found = /^text\/plain\b/.test(exchange.answerHeaders["content-type"] ?? "") ? []
    : ["answer: it is not text/plain"];
  const words = exchange.status === 200 ? ["ok"] : REFUSALS[exchange.status];
  if (!words?.includes(text)) {
    found.push(`answer: ${exchange.status} "${text}", and Slack says ${words?.join(", ")}`);
  }
  if (exchange.status === 429 && !/^\d+$/.test(exchange.answerHeaders["retry-after"] ?? "")) {
    found.push("answer: 429 without Retry-After");
  }
  return found;
}

export function slackJudge(exchange) {
  if (exchange.method !== "POST" || !/^\/services\/\w+\/\w+\/\w+$/.test(exchange.url)) {
    return [`a webhook is POST /services/T…/B…/X…, not ${exchange.method} ${exchange.path}`];
  }
  exchange.operation = "POST /services/{team}/{webhook}/{secret}";
  const found = /^application\/json\b/.test(exchange.headers["content-type"] ?? "") ? []
    : ["request: it is not application/json"];
  return [...found, ...judgeBody(parsed(exchange.body)), ...judgeAnswer(exchange)];
}
