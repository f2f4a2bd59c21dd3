"""One call of every verb of a provider that changes something, for contract/faults.py.

    verb: Write(call, faults, ...)

`call` is Lua and gives the result; `p` is what `prepare` (Lua, a function's body) returned some
simulated hours before. `faults` are what a fault matches, one for each request that changes
something. `check` is Lua about `r`, the result. `world` is laid over the built-in world."""

from dataclasses import dataclass, field


@dataclass
class Write:
    call: str
    faults: list
    check: str = "r"
    prepare: str = "return {}"
    world: str = ""
    at: str = "2h"           # when it is called, from the world's start
    effects: tuple = ()      # what it is called in the ledger; default: the verb
    entries: int = 1         # in the ledger, when all goes well
    loses: tuple = ()        # fields of the result that looking cannot tell
    lost: dict = field(default_factory=dict)   # where no fault fits: mode -> more of a world
    parts: bool = False      # several requests: what was lost before may be found half done
    unknowable: str = ""     # why nobody can tell whether it happened: exit code 6
    local: str = ""          # why no answer of it can be lost
    silent: str = ""         # why it ends well whatever happens to it
    unforeseen: str = ""     # why no dry-run can go through it
    also: tuple = ()         # further calls of the same verb, that go other ways
    providers: str = ""      # more of pipe.yaml's `providers`
    kill: bool = False       # also killed with SIGKILL behind the act, over TCP


def rest(system, method, path):
    return f"{{ system: {system}, method: {method}, path: \"{path}\" }}"


def graphql(operation):
    return f"{{ system: railway, operation: {operation} }}"


def sql(operation):
    return f"{{ system: postgres, operation: {operation} }}"


# ---- Vercel ---------------------------------------------------------------------------------

PUSHED = """events:
  - { when: { after: 1h59m50s }, do: { push: { branch: main, message: "late" } } }
"""

VERCEL = {
    "vercel.rollback": Write(
        'vercel.rollback { project = "landing", deployment = "previous" }',
        [rest("vercel", "POST", "*/rollback/*")], "r.changed and r.automatic == false", kill=True,
        loses=("from_commit",)),
    "vercel.promote": Write(
        'vercel.promote { project = "landing", deployment = p.from }',
        [rest("vercel", "POST", "*/promote/*")], "r.changed and r.automatic",
        prepare='return vercel.rollback { project = "landing", deployment = "previous" }',
        loses=("from_commit",), also=(Write(
            'vercel.promote { project = "landing", rebuild = true, deployment = p.id }',
            [rest("vercel", "POST", "/v13/deployments")], "r.rebuilt and r.built_from == p.id",
            prepare='return vercel.deployments { project = "landing", target = "preview", '
            'state = "READY", first = 1 }[1]', world="vercel: { appear: 20s }\n",
            loses=("from_commit",), kill=True),)),
    "vercel.cancel": Write(
        'vercel.cancel { deployment = vercel.deployments { project = "landing", first = 1 }[1].id }',
        [rest("vercel", "PATCH", "*/cancel")], 'r.changed and r.state == "CANCELED"', world=PUSHED),
}

# ---- Doppler ----------------------------------------------------------------------------------

SECRETS = rest("doppler", "POST", "/v3/configs/config/secrets")
KEY = 'environment = "production", name = "API_CLIENT_KEY"'

DOPPLER = {
    "doppler.set": Write(
        'doppler.set { environment = "production", name = "MIN_APP_VERSION_IOS", value = "9.9.9", '
        'plain = true }', [SECRETS], "r.changed", kill=True),
    "doppler.set_many": Write(
        'doppler.set_many { environment = "production", plain = true, '
        'values = { MIN_APP_VERSION_IOS = "9.9.9", NEW_ONE = "1" } }', [SECRETS],
        effects=("doppler.set",)),
    "doppler.delete": Write(
        'doppler.delete { environment = "production", name = "MIN_APP_VERSION_IOS", plain = true }',
        [SECRETS], effects=("doppler.delete", "doppler.set")),
    "doppler.add": Write(
        f'doppler.add {{ {KEY}, generate = {{ bytes = 32, format = "hex" }} }}', [SECRETS],
        "r.count == 2", effects=("doppler.set",)),
    "doppler.remove": Write(
        f'doppler.remove {{ {KEY}, fingerprint = p.fingerprints[1] }}', [SECRETS], "r",
        prepare=f'local before = doppler.values {{ {KEY} }}\n'
        f'doppler.add {{ {KEY}, generate = {{ bytes = 32, format = "hex" }} }}\nreturn before',
        effects=("doppler.set",), entries=2),
    "doppler.promote": Write(
        f'doppler.promote {{ {KEY}, fingerprint = p.fingerprint }}', [SECRETS], "r.count == 1",
        prepare=f'return doppler.add {{ {KEY}, generate = {{ bytes = 32, format = "hex" }} }}',
        effects=("doppler.set",), entries=2),
    "doppler.create_webhook": Write(
        'doppler.create_webhook { environment = "production", name = "release", '
        'url = "https://hooks.impulseai.app/doppler" }', [rest("doppler", "POST", "/v3/webhooks")],
        "r.changed and r.slug"),
    "doppler.enable_webhook": Write(
        'doppler.enable_webhook { environment = "production", webhook = "release" }',
        [rest("doppler", "POST", "/v3/webhooks/webhook/*/enable")], "r.changed and r.enabled",
        world="doppler: { webhooks: [{ name: release, url: 'https://hooks.impulseai.app/doppler', "
        "project: impulse-api, enabled: false }] }\n"),
    "doppler.disable_webhook": Write(
        'doppler.disable_webhook { environment = "production", webhook = "release" }',
        [rest("doppler", "POST", "/v3/webhooks/webhook/*/disable")], "r.changed and not r.enabled",
        world="doppler: { webhooks: [{ name: release, url: 'https://hooks.impulseai.app/doppler', "
        "project: impulse-api }] }\n"),
    "doppler.rollback": Write(
        'doppler.rollback { environment = "production", id = p.id }',
        [rest("doppler", "POST", "/v3/configs/config/logs/log/rollback")], "r.changed",
        prepare='doppler.set { environment = "production", name = "MIN_APP_VERSION_IOS", '
        'value = "9.9.9", plain = true }\n'
        'return doppler.log { environment = "production", first = 1 }[1]',
        unforeseen="the entry of the log is there when it was made"),
}

# ---- Railway -----------------------------------------------------------------------------------

ACTIVE = 'railway.active { environment = "production" }[1].id'
BACK = """for _, d in ipairs(railway.deployments { environment = "production" }) do
  if d.can_rollback then return { id = d.id, commit = d.commit } end
end"""
KEEP = "railway: { keep_images: 4000h }\n"
SET = 'railway.set_variables { environment = "production", plain = true, values = { NEW_KEY = "of-the-test" } }'
SLOW = """railway:
  environments:
    staging: { statuses: [{ status: BUILDING }, { status: SUCCESS, after: 10m }], wait_for_ci: false }
"""

RAILWAY = {
    "railway.rollback": Write(
        'railway.rollback { environment = "production", deployment = p.id }',
        [graphql("DeploymentRollback")], "r.id and r.commit == p.commit", prepare=BACK, world=KEEP,
        kill=True),
    "railway.redeploy": Write(
        f'railway.redeploy {{ environment = "production", deployment = {ACTIVE} }}',
        [graphql("DeploymentRedeploy")], "r.id"),
    "railway.deploy": Write(
        'railway.deploy { environment = "production", commit = p.commit }',
        [graphql("ServiceInstanceDeploy*")], "r.commit == p.commit", prepare=BACK, world=KEEP),
    "railway.cancel": Write(
        'railway.cancel { environment = "staging", '
        'deployment = railway.deployments { environment = "staging", first = 1 }[1].id }',
        [graphql("DeploymentCancel")], "r.done", world=PUSHED + SLOW),
    "railway.stop": Write(
        f'railway.stop {{ environment = "production", deployment = {ACTIVE} }}',
        [graphql("DeploymentStop")], "r.done"),
    "railway.restart": Write(
        f'railway.restart {{ environment = "production", deployment = {ACTIVE} }}',
        [graphql("DeploymentRestart")], "r.done",
        unknowable="Railway keeps no trace of a restart"),
    "railway.set_variables": Write(
        SET, [graphql("VariableCollectionUpsert")], "#r.names == 1"),
    "railway.delete_variable": Write(
        'railway.delete_variable { environment = "production", name = "NEW_KEY" }',
        [graphql("VariableDelete")], 'r.name == "NEW_KEY"', prepare=f"return {SET}",
        loses=("before",)),
}

# ---- GitHub -------------------------------------------------------------------------------------

MAIN = 'git.ls_remote { remote = "origin" }["refs/heads/main"]'
RUN = 'github.workflow_runs { workflow = "ci.yml", branch = "main", first = 1 }[1].id'
DEPLOYMENT = f'github.create_deployment {{ environment = "staging", sha = {MAIN} }}'
RED = "checks: { api-check: { conclusion: failure, commits: [c8] } }\n"
REVIEWED = "checks: { db-deploy: { environment: production, reviewers: [release-bot] } }\n"


def repo(method, path):
    return rest("github", method, f"/repos/impulse/impulse/{path}")


GITHUB = {
    "github.merge": Write(
        'github.merge { number = 12, sha = github.pull { number = 12 }.head.sha }',
        [repo("PUT", "pulls/12/merge")], "r.merged and r.sha"),
    "github.update_branch": Write(
        'github.update_branch { number = 12, sha = github.pull { number = 12 }.head.sha }',
        [repo("PUT", "pulls/12/update-branch")], "r.number == 12"),
    "github.create_branch": Write(
        f'github.create_branch {{ name = "release/1", sha = {MAIN} }}',
        [repo("POST", "git/refs")], "r.name and r.sha"),
    "github.create_tag": Write(
        f'github.create_tag {{ name = "v9.0.0", sha = {MAIN} }}',
        [repo("POST", "git/refs")], "r.name and r.sha", also=(Write(
            f'github.create_tag {{ name = "v9.0.0", sha = {MAIN}, message = "nine" }}',
            [repo("POST", "git/tags"), repo("POST", "git/refs")], "r.name and r.sha",
            parts=True),)),
    "github.move_ref": Write(
        f'github.move_ref {{ ref = "heads/production", sha = {MAIN}, '
        'expect = git.ls_remote { remote = "origin" }["refs/heads/production"] }',
        [repo("PATCH", "git/refs/*")], "r.changed"),
    "github.delete_ref": Write(
        'github.delete_ref { ref = "tags/v1.4.2", '
        'sha = git.ls_remote { remote = "origin" }["refs/tags/v1.4.2"] }',
        [repo("DELETE", "git/refs/*")], "r.before"),
    "github.create_release": Write(
        'github.create_release { tag = "v1.4.2", name = "1.4.2", body = "All of it" }',
        [repo("POST", "releases")], 'r.tag == "v1.4.2"', kill=True),
    "github.create_deployment": Write(
        DEPLOYMENT, [repo("POST", "deployments")], "r.id"),
    "github.deployment_status": Write(
        'github.deployment_status { id = p.id, state = "success" }',
        [repo("POST", "deployments/*/statuses")], 'r.state == "success"',
        prepare=f"return {DEPLOYMENT}"),
    "github.dispatch": Write(
        'github.dispatch { workflow = "db-deploy.yml", ref = "main", '
        'inputs = { environment = "staging", action = "dry-run" } }',
        [repo("POST", "actions/workflows/*/dispatches")], "r", loses=("found", "url")),
    "github.rerun": Write(
        f"github.rerun {{ id = {RUN} }}", [repo("POST", "actions/runs/*/rerun")], "r.attempt == 2"),
    "github.rerun_failed": Write(
        f"github.rerun_failed {{ id = {RUN} }}",
        [repo("POST", "actions/runs/*/rerun-failed-jobs")], "r.attempt == 2", world=RED),
    "github.cancel": Write(
        f"github.cancel {{ id = {RUN} }}", [repo("POST", "actions/runs/*/cancel")], "r.id",
        world=PUSHED + "workflows: { ci.yml: { jobs: { ci-gate: { duration: 1h } } } }\n"),
    "github.force_cancel": Write(
        f"github.force_cancel {{ id = {RUN} }}", [repo("POST", "actions/runs/*/force-cancel")],
        "r.id", world=PUSHED + "workflows: { ci.yml: { stuck: true, jobs: "
        "{ ci-gate: { duration: 1h } } } }\n"),
    "github.review_deployment": Write(
        'github.review_deployment { id = p.id, environment = "production", approve = true }',
        [repo("POST", "actions/runs/*/pending_deployments")], "r.approved", world=REVIEWED,
        prepare='return github.dispatch { workflow = "db-deploy.yml", ref = "main", '
        'inputs = { environment = "production", action = "migrate" } }',
        unforeseen="the run's id is known when it was started"),
}

# ---- App Store Connect -------------------------------------------------------------------------

CREATE = 'appstore.create_version { version = "1.5.0" }'
BUILD = 'appstore.builds { version = "1.5.0" }[1].id'
NEXT = """appstore:
  builds: [{ version: "1.5.0", build: "215", uploaded: "-2h" }]
  versions: [{ version: "1.4.2", build: null, state: READY_FOR_DISTRIBUTION, created: "-21d" }]
"""
LAST = """appstore:
  versions:
    - { version: "1.4.2", build: "212", state: READY_FOR_DISTRIBUTION, created: "-21d",
        phased: { state: %s, started: "-2d" } }
"""
APPROVED = """appstore:
  builds: [{ version: "1.5.0", build: "215", uploaded: "-2h", encryption: false }]
  versions: [{ version: "1.5.0", build: "215", state: PENDING_DEVELOPER_RELEASE, created: "-2d",
               release_type: MANUAL }]
"""
OPEN = """appstore:
  builds: [{ version: "1.5.0", build: "215", uploaded: "-2h", encryption: false }]
  versions: [{ version: "1.5.0", build: "215", state: PREPARE_FOR_SUBMISSION, created: "-2d" }]
"""
SUBMIT = 'appstore.submit { version = "1.5.0" }'


def apple(method, path):
    return rest("appstore", method, f"/v1/{path}")


def phased(verb, word, before):
    return Write(f'appstore.{verb} {{ version = "1.4.2" }}',
                 [apple("PATCH", "appStoreVersionPhasedReleases/*")], f'r.state == "{word}"',
                 world=LAST % before)


APPSTORE = {
    "appstore.create_version": Write(
        CREATE, [apple("POST", "appStoreVersions")], 'r.version == "1.5.0"', kill=True),
    "appstore.update_version": Write(
        'appstore.update_version { version = "1.5.0", new_version = "1.6.0", '
        'release_type = "SCHEDULED", earliest_release = "2027-01-04T08:00:00Z" }',
        [apple("PATCH", "appStoreVersions/*")], 'r.version == "1.6.0" and r.changed', world=OPEN),
    "appstore.expire_build": Write(
        f"appstore.expire_build {{ build = {BUILD} }}", [apple("PATCH", "builds/*")], "r.expired",
        world=OPEN),
    "appstore.cancel_phased": Write(
        'appstore.cancel_phased { version = "1.5.0" }',
        [apple("DELETE", "appStoreVersionPhasedReleases/*")], "not r.phased",
        prepare='appstore.start_phased { version = "1.5.0" }\nreturn {}', world=APPROVED),
    "appstore.attach_build": Write(
        f'appstore.attach_build {{ version = "1.5.0", build = {BUILD} }}',
        [apple("PATCH", "appStoreVersions/*/relationships/build")], "r.build",
        world=OPEN.replace('"1.5.0", build: "215", state: P', '"1.5.0", state: P')),
    "appstore.submit": Write(
        SUBMIT, [apple("POST", "reviewSubmissions"), apple("POST", "reviewSubmissionItems"),
                 apple("PATCH", "reviewSubmissions/*")], "r.submission", world=OPEN, parts=True),
    "appstore.withdraw": Write(
        'appstore.withdraw { version = "1.5.0" }', [apple("PATCH", "reviewSubmissions/*")],
        "r.state", prepare=f"{SUBMIT}\nreturn {{}}", world=OPEN),
    "appstore.release": Write(
        'appstore.release { version = "1.5.0" }', [apple("POST", "appStoreVersionReleaseRequests")],
        "r.id", world=APPROVED),
    "appstore.start_phased": Write(
        'appstore.start_phased { version = "1.5.0" }',
        [apple("POST", "appStoreVersionPhasedReleases")], 'r.state == "INACTIVE"', world=APPROVED),
    "appstore.pause_phased": phased("pause_phased", "PAUSED", "ACTIVE"),
    "appstore.resume_phased": phased("resume_phased", "ACTIVE", "PAUSED"),
    "appstore.complete_phased": phased("complete_phased", "COMPLETE", "ACTIVE"),
    "appstore.set_export_compliance": Write(
        f'appstore.set_export_compliance {{ build = {BUILD}, uses_non_exempt_encryption = false }}',
        [apple("PATCH", "builds/*")], "r.uses_non_exempt_encryption == false",
        world=OPEN.replace("encryption: false", "encryption: null")),
    "appstore.add_to_group": Write(
        f'appstore.add_to_group {{ build = {BUILD}, group = "Beta testers" }}',
        [apple("POST", "betaGroups/*/relationships/builds")], 'r.group == "Beta testers"',
        world=OPEN),
    "appstore.submit_beta_review": Write(
        f"appstore.submit_beta_review {{ build = {BUILD} }}",
        [apple("POST", "betaAppReviewSubmissions")], "r.state",
        prepare=f'appstore.add_to_group {{ build = {BUILD}, group = "Beta testers" }}\nreturn {{}}',
        world=OPEN),
}

# ---- databases, files, notifications --------------------------------------------------------------

SUPABASE = {
    "supabase.push": Write(
        'supabase.push { environment = "production", commit = p.main }', [sql("migrate")],
        "#r.applied == 1", prepare=f"return {{ main = {MAIN} }}"),
    "supabase.repair": Write(
        'supabase.repair { environment = "production", version = "20261111120000", '
        'status = "reverted", commit = p.main }', [sql("repair")], 'r.status == "reverted"',
        prepare=f"return {{ main = {MAIN} }}"),
    "supabase.set_secrets": Write(
        'supabase.set_secrets { environment = "staging", plain = true, '
        'values = { MAIL_KEY = "of-the-test", MODE = "test" } }',
        [rest("supabase", "POST", "/v1/projects/*/secrets")], "r.changed and #r.names == 2"),
    "supabase.delete_secrets": Write(
        'supabase.delete_secrets { environment = "staging", names = { "MODE" } }',
        [rest("supabase", "DELETE", "/v1/projects/*/secrets")], "r.changed",
        world="supabase: { projects: { staging: { secrets: { MODE: test, OTHER: x } } } }\n"),
    "supabase.run_sql": Write(
        'supabase.run_sql { environment = "production", sql = "update public.a set b = 1" }',
        [rest("supabase", "POST", "/v1/projects/*/database/query")], "r.rows",
        unknowable="what plain SQL leaves behind is not known here"),
    "supabase.new": Write("", [], local="it writes a file here: there is no answer to lose"),
    "supabase.reverse": Write("", [], local="it writes a file here: there is no answer to lose"),
    "postgres.execute": Write(
        'postgres.execute { environment = "production", '
        'statements = { "update settings set value = 1" } }', [sql("execute")], "r.statements",
        unknowable="what plain SQL leaves behind is not known here"),
}

SILENT = "a notification never fails a release, and a duplicate is worse than none"
BOT = "credentials: { slack: xoxb-sim-slack-bot-token }\nslack: { history: 2s }\n"
CHANNEL = "  slack: { settings: { channel: C0RELEASES } }\n"

SLACK = {
    "slack.notify": Write(
        'slack.notify { text = "It works.", status = "done" }',
        [rest("slack", "POST", "/services/*")], "r.sent ~= nil", silent=SILENT,
        also=(Write('slack.notify { text = "It works.", status = "done" }',
                    [rest("slack", "POST", "/api/chat.postMessage")], "r.sent ~= nil",
                    world=BOT, providers=CHANNEL, silent=SILENT, kill=True),
              Write('slack.notify { text = "It works now.", status = "done" }',
                    [rest("slack", "POST", "/api/chat.update")], "r.sent ~= nil",
                    prepare='return slack.notify { text = "It works.", status = "done" }',
                    world=BOT, providers=CHANNEL, silent=SILENT, entries=2, kill=True))),
}



def lane(call, name, cured, check):
    """A program that is killed, after its work or before it; the second time it is not."""
    lanes = "fastlane: { lanes: { %s: { lost: %s } } }\n"
    again = f"events: [{{ when: {{ after: {cured} }}, do: {{ set: " \
        f"{{ path: fastlane.lanes.{name}.lost, value: null }} }} }}]\n"
    return Write(call, [], check, effects=("fastlane.lane",), loses=("steps", "seconds", "report"), lost={
        "killed after": lanes % (name, "after"), "killed before": lanes % (name, "before") + again})


FASTLANE = {
    "fastlane.beta": lane("fastlane.beta {}", "beta", "2h20m", "r.build"),
    "fastlane.lane": lane('fastlane.lane { lane = "beta" }', "beta", "2h20m", "r.build"),
    "fastlane.bump": lane('fastlane.bump { type = "patch" }', "bump", "2h0m1s", "r.version"),
}

WRITES = {**VERCEL, **DOPPLER, **RAILWAY, **GITHUB, **APPSTORE, **SUPABASE,
          **SLACK, **FASTLANE}
