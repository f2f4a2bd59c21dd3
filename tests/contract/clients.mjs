// The vendors' own clients against the simulated world: what they see has to be what `pipe` sees,
// and what they do has to be there for `pipe`. A client that validates answers is one more judge.

import { generateKeyPairSync, webcrypto } from "node:crypto";
import { isDeepStrictEqual } from "node:util";
import { Octokit } from "@octokit/rest";
import { Vercel } from "@vercel/sdk";
import { DopplerSDK } from "@dopplerhq/node-sdk";
import { SupabaseManagementAPI } from "supabase-management-js";
import * as apple from "appstore-connect-sdk";
import { HOSTS } from "./judges.mjs";

// Node 18 has it under another name only, and App Store Connect's client wants this one.
globalThis.crypto ??= webcrypto;

const REPO = { owner: "impulse", repo: "impulse" };
const TEAM = "team_impulse";
const CONFIG = ["impulse-api", "prd"];
const REF = "prdimpulseabcdefghij";
const APP_KEY = { issuerId: "57246542-96fe-1a63-e053-0824d011072a", privateKeyId: "2X9R4HXF34" };

export class Clients {
  /** seen: what pipe saw before (scripts/clients_before.lua); told: what the clients did. */
  constructor(world, credentials, seen) {
    const at = (name) => `${world.url}/${HOSTS[name]}`;
    Object.assign(this, { world, seen, problems: [], told: {}, checks: 0 });
    const octokit = (auth) => new Octokit({ auth, baseUrl: at("github"), log: quiet });
    const vercel = (bearerToken) => new Vercel({ bearerToken, serverURL: at("vercel"),
      retryConfig: { strategy: "none" } });
    const doppler = (accessToken) => {
      const sdk = new DopplerSDK({ accessToken });
      sdk.setBaseUrl(at("doppler"));
      return sdk;
    };
    const supabase = (accessToken) => new SupabaseManagementAPI({ accessToken,
      baseUrl: at("supabase") });
    const store = (privateKey) => apple.createClient({ ...APP_KEY, privateKey,
      baseUrl: at("appstore") });
    const stranger = generateKeyPairSync("ec", { namedCurve: "P-256" }).privateKey
      .export({ type: "pkcs8", format: "pem" });
    this.github = octokit(credentials.github);
    this.vercel = vercel(credentials.vercel);
    this.doppler = doppler(credentials.doppler);
    this.supabase = supabase(credentials.supabase);
    this.apple = store(credentials.appstore);
    this.strangers = { github: octokit("nobody"), vercel: vercel("nobody"),
      doppler: doppler("nobody"), supabase: supabase("nobody"), apple: store(stranger) };
  }

  same(what, client, pipe) {
    this.checks += 1;
    if (!isDeepStrictEqual(client, pipe)) {
      this.problems.push(`${what}: the vendor's client sees ${JSON.stringify(client)}, `
        + `and pipe ${JSON.stringify(pipe)}`);
    }
  }

  /** Runs one operation; a failure of it is a finding, not the end. */
  async try(what, operation) {
    try {
      await operation();
    } catch (error) {
      this.problems.push(`${what}: the vendor's client says ${error.name}: `
        + `${String(error.message).slice(0, 400)} ${error.rawMessage ?? ""} ${error.cause ?? ""}`);
    }
  }

  /** Asks until it is so, for half a minute. */
  async until(what, question) {
    for (let tries = 0; !(await question()); tries += 1) {
      if (tries === 60) {
        throw new Error(`${what}: not done after 30 s`);
      }
      await new Promise((resolve) => { setTimeout(resolve, 500); });
    }
  }

  /** The status with which the operation is refused. */
  async refused(what, wanted, operation) {
    this.checks += 1;
    let got;
    try {
      const answer = await operation();
      got = answer?.response?.status ?? answer?.status ?? "an answer";
    } catch (error) {
      got = error.status ?? error.statusCode ?? error.response?.status ?? String(error);
    }
    if (got !== wanted) {
      this.problems.push(`${what}: ${wanted} expected, and the vendor's client got ${got}`);
    }
  }
}

const quiet = { debug() {}, info() {}, warn() {}, error() {} };

async function github(c) {
  const rest = c.github.rest;
  await c.try("github.pulls", async () => {
    const { data } = await rest.pulls.list({ ...REPO, state: "all" });
    c.same("github.pulls", data.map((p) => [p.number, p.head.sha, p.state]), c.seen.pulls);
  });
  await c.try("github.read_ref", async () => {
    const { data } = await rest.git.getRef({ ...REPO, ref: "heads/main" });
    c.same("github.read_ref", data.object.sha, c.seen.main);
  });
  await c.try("github.compare", async () => {
    const { data } = await rest.repos.compareCommitsWithBasehead({ ...REPO,
      basehead: "production...main" });
    c.same("github.compare", [data.status, data.ahead_by, data.commits.map((m) => m.sha)],
      c.seen.compare);
  });
  await c.try("github.checks", async () => {
    const { data } = await rest.checks.listForRef({ ...REPO, ref: c.seen.main });
    c.same("github.checks", data.check_runs.map((r) => [r.name, r.conclusion]).sort(),
      c.seen.checks.sort());
  });
  await c.try("github.create_tag", async () => {
    await rest.git.createRef({ ...REPO, ref: "refs/tags/client-1", sha: c.seen.main });
    c.told.tag = "client-1";
  });
  await c.refused("github: a tag that exists", 422, () =>
    rest.git.createRef({ ...REPO, ref: "refs/tags/client-1", sha: c.seen.production }));
  await c.refused("github: no fast-forward", 422, () =>
    rest.git.updateRef({ ...REPO, ref: "heads/main", sha: c.seen.production, force: false }));
  await c.refused("github: a head that moved", 409, () =>
    rest.pulls.merge({ ...REPO, pull_number: 12, sha: c.seen.production }));
  await c.refused("github: no pull request", 404, () =>
    rest.pulls.get({ ...REPO, pull_number: 99 }));
  await c.refused("github: a stranger", 401, () =>
    c.strangers.github.rest.pulls.list({ ...REPO }));
  await c.try("github.merge", async () => {
    const { data } = await rest.pulls.merge({ ...REPO, pull_number: 12,
      sha: c.seen.pulls[0][1] });
    c.told.merge = data.sha;
  });
  await c.try("github.dispatch", async () => {
    const { status } = await rest.actions.createWorkflowDispatch({ ...REPO,
      workflow_id: "db-deploy.yml", ref: "main",
      inputs: { environment: "staging", action: "dry-run" } });
    c.same("github.dispatch", status, 204);
  });
}

async function vercel(c) {
  const sdk = c.vercel;
  await c.try("vercel.project", async () => {
    const p = await sdk.projects.getProject({ idOrName: "console", teamId: TEAM });
    c.same("vercel.project", [p.id, p.name, p.targets?.production?.id], c.seen.project);
  });
  await c.try("vercel.deployments", async () => {
    const { deployments } = await sdk.deployments.getDeployments({ teamId: TEAM,
      projectId: c.seen.project[0], target: "production", limit: 3 });
    c.same("vercel.deployments", deployments.map((d) => [d.uid, d.readyState ?? d.state]),
      c.seen.deployments);
  });
  await c.try("vercel.deployment", async () => {
    const d = await sdk.deployments.getDeployment({ teamId: TEAM,
      idOrUrl: c.seen.deployments[1][0] });
    c.same("vercel.deployment", [d.id, d.readyState], c.seen.deployments[1]);
  });
  await c.refused("vercel: no deployment", 404, () =>
    sdk.deployments.getDeployment({ teamId: TEAM, idOrUrl: "dpl_nowhere" }));
  await c.refused("vercel: a stranger", 403, () =>
    c.strangers.vercel.projects.getProject({ idOrName: "console", teamId: TEAM }));
  await c.try("vercel.rollback", async () => {
    await sdk.projects.requestRollback({ projectId: c.seen.project[0],
      deploymentId: c.seen.deployments[1][0], teamId: TEAM });
  });
  await c.refused("vercel: another request under way", 409, () =>
    sdk.projects.requestPromote({ projectId: c.seen.project[0],
      deploymentId: c.seen.deployments[0][0], teamId: TEAM }));
  await c.try("vercel.promote", async () => {
    await c.until("the rollback", async () => (await sdk.projects.getProject({
      idOrName: "console", teamId: TEAM })).lastAliasRequest?.jobStatus === "succeeded");
    await sdk.projects.requestPromote({ projectId: c.seen.project[0],
      deploymentId: c.seen.deployments[0][0], teamId: TEAM });
    c.told.promote = c.seen.deployments[0][0];
  });
}

async function doppler(c) {
  const sdk = c.doppler;
  await c.try("doppler.me", async () => {
    const me = await sdk.auth.me();
    c.same("doppler.me", [me.name, me.workplace?.name], c.seen.me);
  });
  await c.try("doppler.names", async () => {
    // The client leaves out what is false, and so gets Doppler's own names, too.
    const { secrets } = await sdk.secrets.list(...CONFIG);
    c.same("doppler.names", Object.keys(secrets).filter((n) => !n.startsWith("DOPPLER_")).sort(),
      c.seen.names);
    c.same("doppler.get", secrets.MIN_APP_VERSION_IOS.raw, c.seen.minimum);
  });
  await c.try("doppler.set", async () => {
    await sdk.secrets.update({ project: CONFIG[0], config: CONFIG[1],
      secrets: { MIN_APP_VERSION_IOS: "1.3.7" } });
    c.told.minimum = "1.3.7";
  });
  await c.refused("doppler: a value that is another", 400, () => sdk.secrets.update({
    project: CONFIG[0], config: CONFIG[1], change_requests: [{ name: "MIN_APP_VERSION_IOS",
      originalName: "MIN_APP_VERSION_IOS", originalValue: "9.9.9", value: "2.0.0" }] }));
  await c.try("doppler.rollback", async () => {
    const { logs } = await sdk.configLogs.list(...CONFIG);
    await sdk.configLogs.rollback(...CONFIG, logs[0].id);
    c.told.minimum = c.seen.minimum;
  });
  await c.refused("doppler: no config", 404, () => sdk.secrets.list("impulse-api", "nowhere"));
  await c.refused("doppler: a stranger", 401, () => c.strangers.doppler.auth.me());
}

async function supabase(c) {
  const api = c.supabase;
  await c.try("supabase.project", async () => {
    const { data } = await api.listAllProjects();
    const own = data.find((p) => p.id === REF || p.ref === REF);
    c.same("supabase.project", [own.name, own.status], c.seen.database);
  });
  await c.try("supabase.health", async () => {
    const { data } = await api.getServicesHealth(REF, { services: ["db", "rest"] });
    c.same("supabase.health", data.map((s) => [s.name, s.status]), c.seen.health);
  });
  await c.try("supabase.migrations", async () => {
    const { data } = await api.runAQuery(REF, { read_only: true, query:
      "select version, name from supabase_migrations.schema_migrations order by version" });
    c.same("supabase.migrations", data.map((r) => r.version), c.seen.migrations);
  });
  await c.refused("supabase: no project", 404, () =>
    api.getServicesHealth("nowherenowherenowher", { services: ["db"] }));
  await c.refused("supabase: a stranger", 401, () => c.strangers.supabase.listAllProjects());
}

async function appstore(c) {
  const client = c.apple;
  let version;
  const ok = ({ data, error }) => {
    if (error) {
      throw new Error(JSON.stringify(error));
    }
    return data;
  };
  await c.try("appstore.app", async () => {
    const { data } = ok(await apple.appsGetCollection({ client,
      query: { "filter[bundleId]": ["no.impulse.app"] } }));
    c.same("appstore.app", [data[0].id, data[0].attributes.name], c.seen.app);
  });
  await c.try("appstore.builds", async () => {
    const { data } = ok(await apple.buildsGetCollection({ client, query: {
      "filter[app]": [c.seen.app[0]], sort: ["-uploadedDate"], limit: 3 } }));
    c.same("appstore.builds", data.map((b) => [b.id, b.attributes.processingState]),
      c.seen.builds);
  });
  await c.try("appstore.versions", async () => {
    const { data } = ok(await apple.appsAppStoreVersionsGetToManyRelated({ client,
      path: { id: c.seen.app[0] }, query: { limit: 5 } }));
    c.same("appstore.versions", data.map((v) => [v.attributes.versionString,
      v.attributes.appVersionState]), c.seen.versions);
  });
  await c.try("appstore.set_export_compliance", async () => {
    ok(await apple.buildsUpdateInstance({ client, path: { id: c.seen.builds[0][0] },
      body: { data: { type: "builds", id: c.seen.builds[0][0],
        attributes: { usesNonExemptEncryption: false } } } }));
    c.told.compliance = c.seen.builds[0][0];
  });
  await c.try("appstore.create_version", async () => {
    const { data } = ok(await apple.appStoreVersionsCreateInstance({ client, body: { data: {
      type: "appStoreVersions", attributes: { platform: "IOS", versionString: "1.5.0" },
      relationships: { app: { data: { type: "apps", id: c.seen.app[0] } } } } } }));
    c.told.version = data.attributes.versionString;
    version = data.id;
  });
  const toVersion = { appStoreVersion: { data: { type: "appStoreVersions", id: version } } };
  await c.try("appstore.attach_build", async () => {
    ok(await apple.appStoreVersionsBuildUpdateToOneRelationship({ client, path: { id: version },
      body: { data: { type: "builds", id: c.seen.builds[0][0] } } }));
    c.told.build = c.seen.builds[0][0];
  });
  await c.try("appstore.start_phased", async () => {
    const { data } = ok(await apple.appStoreVersionPhasedReleasesCreateInstance({ client,
      body: { data: { type: "appStoreVersionPhasedReleases",
        attributes: { phasedReleaseState: "INACTIVE" }, relationships: toVersion } } }));
    c.told.phased = data.attributes.phasedReleaseState;
  });
  await c.try("appstore.update_version", async () => {
    const { data } = ok(await apple.appStoreVersionsUpdateInstance({ client,
      path: { id: version }, body: { data: { type: "appStoreVersions", id: version,
        attributes: { releaseType: "MANUAL" } } } }));
    c.told.release_type = data.attributes.releaseType;
  });
  await c.try("appstore.add_to_group", async () => {
    const { data } = ok(await apple.betaGroupsGetCollection({ client,
      query: { "filter[name]": ["Beta testers"] } }));
    ok(await apple.betaGroupsBuildsCreateToManyRelationship({ client, path: { id: data[0].id },
      body: { data: [{ type: "builds", id: c.seen.builds[0][0] }] } }));
  });
  await c.try("appstore.submit", async () => {
    const made = ok(await apple.reviewSubmissionsCreateInstance({ client, body: { data: {
      type: "reviewSubmissions", attributes: { platform: "IOS" },
      relationships: { app: { data: { type: "apps", id: c.seen.app[0] } } } } } }));
    const submission = { type: "reviewSubmissions", id: made.data.id };
    ok(await apple.reviewSubmissionItemsCreateInstance({ client, body: { data: {
      type: "reviewSubmissionItems",
      relationships: { reviewSubmission: { data: submission }, ...toVersion } } } }));
    await c.until("the item", async () => ok(await apple.appStoreVersionsGetInstance({ client,
      path: { id: version } })).data.attributes.appVersionState === "READY_FOR_REVIEW");
    const { data } = ok(await apple.reviewSubmissionsUpdateInstance({ client,
      path: { id: submission.id }, body: { data: { ...submission,
        attributes: { submitted: true } } } }));
    c.told.submission = data.id;
  });
  await c.refused("appstore: a second version", 409, () =>
    apple.appStoreVersionsCreateInstance({ client, body: { data: { type: "appStoreVersions",
      attributes: { platform: "IOS", versionString: "1.6.0" },
      relationships: { app: { data: { type: "apps", id: c.seen.app[0] } } } } } }));
  await c.refused("appstore: no build", 404, () => apple.buildsGetInstance({ client,
    path: { id: "00000000-0000-4000-8000-000000000000" } }));
  await c.refused("appstore: a stranger", 401, () =>
    apple.appsGetCollection({ client: c.strangers.apple }));
}

// What the world has written down of it: one entry for each that went well, none for what was
// refused.
const LEDGER = ["vercel.rollback", "vercel.promote", "doppler.set", "doppler.rollback",
  "appstore.set_export_compliance", "appstore.create_version",
  "appstore.attach_build", "appstore.start_phased", "appstore.update_version",
  "appstore.add_to_group", "appstore.submit", "github.create_tag",
  "github.merge", "github.dispatch"];

/** run(script) runs a script of `pipe` directly against the world, and gives what it logged. */
export async function compareClients(world, credentials, run) {
  const c = new Clients(world, credentials, await run("clients_before.lua", {}));
  for (const part of [vercel, doppler, supabase, appstore, github]) {
    await part(c);
  }
  const after = await run("clients_after.lua", c.told);
  c.same("after the clients' writes", { ...c.told }, after);
  const ledger = await (await fetch(`${world.url}/_pipe/ledger`)).json();
  c.same("the ledger", LEDGER, ledger.map((e) => e.effect ?? `${e.system}.${e.verb}`));
  return c;
}
