-- The world that stands when no other is asked for: Impulse on a Friday
-- afternoon. A world file lays its members over these (maps merge, lists and
-- texts replace, null removes), or starts from nothing with `base: none`.
--
-- Production is four commits of three people behind main, one of them a
-- migration; staging is still building main's head and is done within a minute.
--
-- Times: "-3d" and "+5m" count from `clock`; lengths are "90s" or seconds.
-- History entries are pushes of the past: they go well, unless `live`, which
-- makes what the file says about checks, workflows and statuses count for them.

local INGRID = "Ingrid Berg <ingrid@impulseai.app>"
local JONAS = "Jonas Lie <jonas@impulseai.app>"
local AMIRA = "Amira Haddad <amira@impulseai.app>"

local MIGRATIONS = "packages/database/supabase/migrations/"

local CI = [[
name: CI
on:
  pull_request:
    branches: [main]
  push:
    branches: [main, develop]
jobs:
  db-check:
    runs-on: ubuntu-latest
    steps: [{ run: pnpm db:check }]
  api-check:
    runs-on: ubuntu-latest
    steps: [{ run: pnpm api:check }]
  ios-preflight:
    runs-on: macos-latest
    steps: [{ run: bundle exec fastlane ios preflight }]
  android-preflight:
    runs-on: ubuntu-latest
    steps: [{ run: ./gradlew assembleDebug }]
  ci-gate:
    if: always()
    needs: [db-check, api-check, ios-preflight, android-preflight]
    runs-on: ubuntu-latest
    steps: [{ run: ./scripts/gate.sh }]
  db-staging:
    if: github.event_name == 'push' && github.ref == 'refs/heads/main'
    needs: [ci-gate]
    runs-on: ubuntu-latest
    steps: [{ run: supabase db push --yes --remote="$STAGING_DB_URL" }]
]]

local DEPLOY_PRODUCTION = [[
name: Deploy Production
on:
  push:
    branches: [production]
jobs:
  db-push:
    runs-on: ubuntu-latest
    steps: [{ run: supabase db push --yes --remote="$PRODUCTION_DB_URL" }]
]]

local IOS_RELEASE = [[
name: iOS Release
on:
  push:
    tags: ['v*']
  workflow_dispatch:
    inputs:
      lane: { type: choice, options: [beta, promote, release] }
jobs:
  ios:
    runs-on: macos-latest
    steps: [{ run: bundle exec fastlane ios beta }]
]]

local DB_DEPLOY = [[
name: DB Deploy
on:
  workflow_dispatch:
    inputs:
      environment: { type: choice, options: [staging, production] }
      action: { type: choice, options: [dry-run, migrate] }
jobs:
  db-deploy:
    runs-on: ubuntu-latest
    steps: [{ run: ./scripts/db-deploy.sh }]
]]

local function package(version)
  return ('{\n  "name": "@impulse/api",\n  "version": "%s",\n  "private": true\n}\n'):format(version)
end

local commits = {
  { id = "c1", message = "Start of the monorepo", author = INGRID, at = "-30d", files = {
    ["README.md"] = "# Impulse\n\nTraining plans that follow you.\n",
    ["package.json"] = '{\n  "name": "impulse",\n  "private": true,\n  "packageManager": "pnpm@9.12.0"\n}\n',
    ["apps/api/package.json"] = package "1.7.0",
    ["apps/api/src/index.ts"] = 'import { health } from "./health"\nexport const routes = [health]\n',
    ["apps/api/src/health.ts"] = 'export const health = { path: "/health", status: "ok" }\n',
    ["packages/shared/src/index.ts"] = "export type Id = string\n",
    ["packages/database/package.json"] = '{\n  "name": "@impulse/database",\n  "private": true\n}\n',
    [MIGRATIONS .. "20260901080000_init.sql"] = "create table profiles (id uuid primary key, name text not null);\n",
    [MIGRATIONS .. "20260928101500_workouts.sql"] =
      "create table workouts (id uuid primary key, profile uuid references profiles, at timestamptz not null);\n",
    ["apps/mobile-kmp/gradlew"] = "#!/bin/sh\nexec gradle \"$@\"\n",
    ["apps/mobile-kmp/shared/src/commonMain/kotlin/Environment.kt"] =
      'enum class Environment(val apiClientKey: String) {\n  STAGING("stg-key"),\n  PRODUCTION("prod-key"),\n}\n',
    ["apps/mobile-kmp/iosApp/Gemfile"] = 'source "https://rubygems.org"\ngem "fastlane"\n',
    ["apps/mobile-kmp/iosApp/Info.plist"] = "<plist><dict><key>CFBundleShortVersionString</key><string>1.4.2</string></dict></plist>\n",
    [".github/workflows/ci.yml"] = CI,
    [".github/workflows/deploy-production.yml"] = DEPLOY_PRODUCTION,
    [".github/workflows/ios-release.yml"] = IOS_RELEASE,
    [".github/workflows/db-deploy.yml"] = DB_DEPLOY,
  } },
  { id = "c2", message = "ios: plan list on the home screen", author = AMIRA, at = "-16d", files = {
    ["apps/mobile-kmp/shared/src/commonMain/kotlin/PlanList.kt"] = "class PlanList(val ids: List<String>)\n",
  } },
  { id = "c3", message = "db: sessions of a workout", author = JONAS, at = "-9d", files = {
    [MIGRATIONS .. "20261111120000_sessions.sql"] =
      "create table sessions (id uuid primary key, workout uuid references workouts, minutes int);\n",
  } },
  { id = "c4", message = "api: sessions", author = JONAS, at = "-8d", files = {
    ["apps/api/package.json"] = package "1.8.0",
    ["apps/api/src/sessions.ts"] = 'export const sessions = { path: "/sessions" }\n',
    ["apps/api/src/index.ts"] = 'import { health } from "./health"\nimport { sessions } from "./sessions"\nexport const routes = [health, sessions]\n',
  } },
  { id = "c5", message = "shared: a type for minutes", author = INGRID, at = "-3d", files = {
    ["packages/shared/src/index.ts"] = "export type Id = string\nexport type Minutes = number\n",
  } },
  { id = "c6", message = "db: training plans", author = AMIRA, at = "-2d", files = {
    [MIGRATIONS .. "20261118093000_training_plans.sql"] =
      "create table training_plans (id uuid primary key, profile uuid references profiles, title text not null);\n",
  } },
  { id = "c7", message = "api: serve training plans", author = JONAS, at = "-1d", files = {
    ["apps/api/package.json"] = package "1.9.0",
    ["apps/api/src/plans.ts"] = 'export const plans = { path: "/plans" }\n',
    ["apps/api/src/index.ts"] = 'import { health } from "./health"\nimport { plans } from "./plans"\nimport { sessions } from "./sessions"\nexport const routes = [health, sessions, plans]\n',
  } },
  { id = "c8", message = "api: limit the length of a plan's title", author = INGRID, at = "-10m",
    files = {
    ["apps/api/src/plans.ts"] = 'export const plans = { path: "/plans", titleLimit: 120 }\n',
  } },
  -- The pull request that is open.
  { id = "p1", parent = "c7", message = "api: export a plan as text", author = AMIRA, at = "-5h",
    files = {
    ["apps/api/src/export.ts"] = 'export const exportPlan = { path: "/plans/export" }\n',
  } },
  { id = "p2", message = "api: export a plan as calendar too", author = AMIRA, at = "-4h", files = {
    ["apps/api/src/export.ts"] = 'export const exportPlan = { path: "/plans/export", formats: ["text", "ics"] }\n',
  } },
}

local history = {
  { push = "main", commit = "c2", at = "-16d" },
  { push = "production", commit = "c2", at = "-14d" },
  { push = "main", commit = "c3", at = "-9d" },
  { push = "main", commit = "c4", at = "-8d" },
  { push = "production", commit = "c4", at = "-7d" },
  { push = "main", commit = "c5", at = "-3d" },
  { push = "main", commit = "c6", at = "-2d" },
  { push = "main", commit = "c7", at = "-1d" },
  { push = "feature/plan-export", commit = "p1", at = "-5h", live = true },
  { push = "feature/plan-export", commit = "p2", at = "-4h", live = true },
  { push = "main", commit = "c8", at = "-2m", live = true },
}

local statuses = {
  { status = "INITIALIZING" }, { status = "BUILDING", after = "5s" }, { status = "DEPLOYING",
    after = "60s" },
  { status = "SUCCESS", after = "25s" },
}

return {
  seed = 1,
  clock = "2026-11-20T15:00:00+01:00",
  project = "impulse",
  users = { ["ingrid-berg"] = INGRID, jonaslie = JONAS, amirah = AMIRA },

  repository = {
    name = "impulse",
    url = "git@github.com:impulse/impulse.git",
    urls = { "https://github.com/impulse/impulse.git", "ssh://git@github.com/impulse/impulse.git" },
    github = "impulse/impulse",
    default_branch = "main",
    merge_methods = { "merge", "squash", "rebase" },
    commits = commits,
    branches = { main = "c8", production = "c4", ["feature/plan-export"] = "p2" },
    tags = { ["v1.4.2"] = "c2" },
  },
  history = history,
  pulls = {
    { number = 12, title = "Export a plan", head = "feature/plan-export", base = "main",
      author = AMIRA, created = "-6h",
      body = "Text and calendar." },
  },

  protection = { main = { "ci-gate" } },
  rules = {},
  checks = {},
  statuses = {},
  workflows = {
    ["ci.yml"] = {
      name = "CI", triggers = { push = { branches = { "main", "develop" } },
        pull_request = { branches = { "main" } } },
      jobs = {
        ["db-check"] = { paths = { "packages/database/" }, duration = "120s" },
        ["api-check"] = { paths = { "apps/api/", "packages/shared/" }, duration = "60s" },
        ["ios-preflight"] = { paths = { "apps/mobile-kmp/shared/", "apps/mobile-kmp/iosApp/" },
          duration = "300s" },
        ["android-preflight"] = { paths = { "apps/mobile-kmp/shared/",
          "apps/mobile-kmp/androidApp/" }, duration = "180s" },
        ["ci-gate"] = { gate = true, duration = "5s",
          needs = { "android-preflight", "api-check", "db-check", "ios-preflight" } },
        ["db-staging"] = { needs = { "ci-gate" }, events = { "push" }, branches = { "main" },
          duration = "20s",
          effect = { migrate = "staging" } },
      },
    },
    ["deploy-production.yml"] = {
      name = "Deploy Production", triggers = { push = { branches = { "production" } } },
      job = "db-push", duration = "60s",
      effect = { migrate = "production" },
    },
    ["ios-release.yml"] = {
      name = "iOS Release", triggers = { push = { tags = { "v*" } },
        workflow_dispatch = { inputs = { lane = { type = "choice",
          options = { "beta", "promote", "release" } } } } },
      job = "ios", duration = "600s",
    },
    ["db-deploy.yml"] = { name = "DB Deploy", triggers = { workflow_dispatch = { inputs = {
        environment = { type = "choice", options = { "staging", "production" } },
        action = { type = "choice", options = { "dry-run", "migrate" } } } } },
      job = "db-deploy", duration = "40s" },
  },

  railway = {
    project = { id = "6f0c1a52-7d35-4a0e-9c4b-2f1f6f0a1e01", name = "impulse" },
    service = { id = "0a7be2c4-53d1-4b8f-8a44-6b1d2f3c4e02", name = "api" },
    keep_images = "72h",
    environments = {
      staging = { id = "3d9f8e17-2b46-4c5d-a6e8-91c0d2b3f403", branch = "main",
        token = "sim-railway-staging-token",
        url = "api-stg.impulseai.app", wait_for_ci = true, statuses = statuses,
        variables = { NODE_ENV = "staging" } },
      production = { id = "b2c4d6e8-1a3c-4e5f-8071-92a3b4c5d604", branch = "production",
        token = "sim-railway-production-token", url = "api.impulseai.app", wait_for_ci = true,
        statuses = statuses,
        variables = { NODE_ENV = "production" } },
    },
  },
  supabase = {
    migrations_dir = "packages/database/supabase/migrations",
    fail = {},
    projects = {
      staging = { ref = "stgimpulseabcdefghij", name = "impulse-staging" },
      production = { ref = "prdimpulseabcdefghij", name = "impulse-production" },
    },
  },
  api = { health = "/health", version_file = "apps/api/package.json" },

  -- What the systems accept …
  tokens = {
    github = { { token = "sim-github-token", login = "release-bot", write = true, admin = true } },
    railway = { "sim-railway-account-token" },
    supabase = { "sim-supabase-token" },
  },
  -- … and what the client has.
  credentials = {
    github = "sim-github-token",
    railway = "sim-railway-account-token",
    ["railway-staging"] = "sim-railway-staging-token",
    ["railway-production"] = "sim-railway-production-token",
    supabase = "sim-supabase-token",
    ["postgres-staging"] = "postgres://postgres:sim-staging-password@"
      .. "db.stgimpulseabcdefghij.supabase.co:5432/postgres",
    ["postgres-production"] = "postgres://postgres:sim-production-password@"
      .. "db.prdimpulseabcdefghij.supabase.co:5432/postgres",
  },
  limits = {
    github = { limit = 5000, window = "1h" },
    railway = { limit = 1000, window = "1h" },
    supabase = { limit = 120, window = "60s" },
  },
  mergeable_after = 0,
  faults = {},
  events = {},
}
